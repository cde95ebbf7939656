"""A standard input that this process can end itself."""

from __future__ import annotations

import os
import threading

from qmd_mcp.server.limits.protocol_lines import BoundedLines

_CHUNK = 65_536
"""How many bytes are read at most at once: the capacity of a pipe on Linux."""


class EndableStdin:
    """A pipe that takes the place of standard input.

    The SDK reads standard input in a thread, which cannot be interrupted: the thread blocks until the next line comes,
    and the process cannot exit in order until then. After construction, file descriptor 0 is the reading end of the
    pipe; a daemon thread copies the real standard input into it, and `end` lets the reader see the end of input.
    """

    def __init__(self) -> None:
        self._source = os.dup(0)
        reader, self._pipe = os.pipe()
        os.dup2(reader, 0)
        os.close(reader)
        self.ended = threading.Event()
        threading.Thread(target=self._copy, name="stdin", daemon=True).start()

    def end(self) -> None:
        """End the input; this may be called in a signal handler and more than once.

        The descriptor of the pipe is replaced by the null device and not closed: a closed number would be given to the
        next file that is opened, and the copying thread would write into that file.
        """
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._pipe, inheritable=False)
        os.close(nowhere)
        self.ended.set()

    def _copy(self) -> None:
        lines = BoundedLines()
        try:
            while chunk := os.read(self._source, _CHUNK):
                data = lines.fit(chunk)
                while data:
                    data = data[os.write(self._pipe, data) :]
        except OSError:
            pass  # a terminal that was closed, which ends the input as well
        self.end()
