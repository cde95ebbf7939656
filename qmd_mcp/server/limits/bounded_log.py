"""What a server process says on standard error: every fault once in a while, and never more than a disk can take."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from qmd_mcp.log_lines import LogLines

SILENT_SECONDS = 60.0
"""How long a line that has been written is only counted when it comes again."""

MOST_KINDS = 1_000
"""How many kinds of lines are remembered; a server that does nothing unusual has none."""

LONGEST_LINE = 8_000
"""Characters of a message, without its traceback, that are written: a message may repeat what a client has sent."""

LARGEST_LOG = 4_000_000
"""Bytes after which the log of a server in the background begins anew; the one before is kept beside it."""

_VARIABLE = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+", re.IGNORECASE)
"""What differs between lines of one kind: numbers, addresses and names of sessions."""


def log_within_bounds(log: Path | None = None) -> None:
    """Write warnings and errors to standard error.

    `log` is the file to which the standard error of a server in the background goes; if it is that file, it is kept
    short. A file to which a person has redirected standard error is that person's own.
    """
    handler = logging.StreamHandler(sys.stderr) if log is None else RotatedStream(log)
    handler.setFormatter(LogLines())
    handler.addFilter(OnceInAWhile())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)  # in place of what every command has


class OnceInAWhile(logging.Filter):
    """Passes the first line of each kind and counts those that follow within a minute; the next one says how many."""

    def __init__(self, *, silent_seconds: float = SILENT_SECONDS) -> None:
        super().__init__()
        self._silent_seconds = silent_seconds
        self._kinds: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is written, and add to it how many like it were not."""
        message = record.getMessage()[:LONGEST_LINE]
        kind = f"{record.name} {record.levelno} {_VARIABLE.sub('#', message)} {_raised(record)}"
        now = time.monotonic()
        written, left_out = self._kinds.get(kind, (-self._silent_seconds, 0))
        if now - written < self._silent_seconds:
            self._kinds[kind] = (written, left_out + 1)
            return False
        if len(self._kinds) >= MOST_KINDS and kind not in self._kinds:
            if now - next(iter(self._kinds.values()))[0] < self._silent_seconds:
                return False
            del self._kinds[next(iter(self._kinds))]
        self._kinds.pop(kind, None)
        self._kinds[kind] = (now, 0)
        record.msg = f"{message} ({left_out:,} more like this were left out)" if left_out else message
        record.args = ()
        return True


class RotatedStream(logging.StreamHandler[TextIO]):
    """Standard error, whose file begins anew when it has become large, if that file is our own log.

    The file is copied and emptied rather than renamed, because libraries write to the same descriptor, which must be
    open for appending.
    """

    def __init__(self, log: Path, *, largest: int = LARGEST_LOG) -> None:
        super().__init__(sys.stderr)
        self._log = log
        self._largest = largest

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, and begin anew before that if it is time."""
        with suppress(OSError, ValueError):  # no file, or a closed one
            descriptor = self.stream.fileno()
            stated = os.fstat(descriptor)
            if stated.st_size > self._largest and os.path.samestat(stated, self._log.stat()):
                shutil.copyfile(self._log, self._log.with_suffix(".log.1"))
                os.ftruncate(descriptor, 0)
        super().emit(record)


def _raised(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return "" if error is None else f"{type(error).__name__} {_VARIABLE.sub('#', str(error)[:LONGEST_LINE])}"
