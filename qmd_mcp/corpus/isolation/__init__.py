"""Reading files in processes of their own, so that no content of a file can harm the process that serves.

`isolated_reading.IsolatedReading` is the entrance: bytes of files go in, and what indexing and reading need comes out,
or the reason why a file is left out. `reading_work` is the work itself, which runs in a `reader_process` within the
limits of `process_limits`. A `reader_pool` starts and ends these processes by way of `reader_handle`, `wire_format` is
what both sides say to each other, and `checked_answers` checks what comes back.
"""
