"""Which files belong to a collection, and opening them safely.

`scan` walks a collection's folder, `membership` decides what belongs to it, `disk_files` opens one file, `freshness`
compares files with what was indexed.
"""
