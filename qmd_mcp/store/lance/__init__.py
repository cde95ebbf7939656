"""LanceDB itself: the database, its schema, its versions and its SQL predicates."""
