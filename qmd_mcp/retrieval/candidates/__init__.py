"""Looking a query up in every way, and everything that is known of what was found, in one table.

`candidate_retrieval` fills the table; `evidence.Evidence` is the table.
"""
