"""The processes that serve: over standard input and output, over HTTP, and in the background.

`stdio_process.serve_stdio`, `http_process.serve_http` and `daemon` are the entrances. A process over standard input and
output lets a running HTTP server of the same index answer its client (`forwarding`), which it finds by the index's run
file (`run_file`). What differs between POSIX and Windows is in `operating_system`.
"""
