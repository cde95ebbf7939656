"""From files on disk to passages: collections, scan, readers, chunking and indexing."""
