"""Making one hit of what belongs together: copies, near-duplicates, and neighbours in a document."""
