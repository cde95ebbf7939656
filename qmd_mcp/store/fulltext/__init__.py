"""LanceDB's full-text search: queries, indexes, and the column of identifiers that we add."""
