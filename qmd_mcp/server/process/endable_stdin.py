"""Standard input that this process can end itself."""

from __future__ import annotations

import os
import threading

_CHUNK = 65_536


class EndableStdin:
    """A pipe in front of standard input.

    Whoever reads standard input in a thread, as the SDK does, cannot be interrupted: the thread blocks until the next
    line, and with it every orderly exit. From here on file descriptor 0 is the pipe; another thread, which nobody
    waits for, feeds it, and `end` makes the reader see the end of input.
    """

    def __init__(self) -> None:
        self._source = os.dup(0)
        reader, self._pipe = os.pipe()
        os.dup2(reader, 0)
        os.close(reader)
        self.ended = threading.Event()
        threading.Thread(target=self._feed, name="stdin", daemon=True).start()

    def end(self) -> None:
        """End the input; safe in a signal handler and more than once.

        The descriptor is replaced, not closed: a number that is free would be given to somebody else, and the
        feeding thread would write there.
        """
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._pipe, inheritable=False)
        os.close(nowhere)
        self.ended.set()

    def _feed(self) -> None:
        try:
            while data := os.read(self._source, _CHUNK):
                while data:
                    data = data[os.write(self._pipe, data) :]
        except OSError:
            pass  # a terminal that hung up: the end of input as well
        self.end()
