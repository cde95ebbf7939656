"""LanceDB itself: the database, the columns of its tables, their versions, and filters in SQL."""
