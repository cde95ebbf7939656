"""Which files belong to a collection, and opening them safely.

`scan` walks through a collection's folder; `membership` decides by a path whether it belongs to the collection;
`disk_files` finds and reads one file; `freshness` compares files with what was indexed; `collection_checks` checks what
a person says about a new collection.
"""
