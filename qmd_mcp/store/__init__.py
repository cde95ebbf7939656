"""LanceDB: the one index that holds everything."""
