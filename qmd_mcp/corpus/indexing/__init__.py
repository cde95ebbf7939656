"""Bringing an index up to date with a collection's files.

`indexer.Indexer` is the entrance, `index_protocols` says what it needs of the index and of the embedder, and
`update_summary` what it reports.
"""
