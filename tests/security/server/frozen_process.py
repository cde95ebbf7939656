"""A process that says "frozen" and then runs no Python any more: `python -m tests.security.server.frozen_process`."""

from __future__ import annotations

import os
import re
import signal

from qmd_mcp.server.limits.last_resort import end_even_if_frozen

if __name__ == "__main__":
    end_even_if_frozen(source=0, frozen_seconds=0.2)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: None)
    os.write(1, b"frozen\n")
    re.fullmatch("(a+)+", "a" * 60 + "b")  # for centuries, and with the interpreter's lock
