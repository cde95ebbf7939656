"""Full-text search with LanceDB: its queries, its indexes, and the column of identifiers that this program adds."""
