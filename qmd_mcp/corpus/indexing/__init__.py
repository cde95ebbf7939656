"""Bringing an index up to date with the files of its collections.

`indexer.Indexer` is the entrance. `preparation` reads and cuts the files, `index_protocols` says what the indexer needs
from the index and the models, `staged_documents` holds documents back while an index is rebuilt, and `update_summary`
is what an update reports.
"""
