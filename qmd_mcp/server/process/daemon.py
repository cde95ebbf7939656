"""An HTTP server that outlives the terminal it was started from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from qmd_mcp.errors import SetupError
from qmd_mcp.server.process.run_file import Running, find, lives, run_file
from qmd_mcp.settings import IndexLocation

STARTING_SECONDS = 60.0
"""What importing and binding may take on a busy machine."""

BEYOND_GRACE_SECONDS = 5.0
"""What closing may take after the time of grace."""

_LOOK_SECONDS = 0.05


def start(location: IndexLocation, arguments: Sequence[str]) -> tuple[Running, bool]:
    """The server of an index, and whether it is a new one.

    Raises:
        SetupError: it ended before it served; the sentence is its own.
    """
    running = find(location)
    if running is not None:
        return running, False
    log = run_file(location).with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as said:
        process = subprocess.Popen(  # noqa: S603  our own program
            [*program(location), "serve", "--http", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )

    deadline = time.monotonic() + STARTING_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        running = find(location)
        if running is not None and running.pid == process.pid:
            return running, True
        time.sleep(_LOOK_SECONDS)
    process.kill()
    raise SetupError(_last_line(log))


def stop(location: IndexLocation, *, grace_seconds: float) -> Running | None:
    """End the server of an index, and wait until it has ended; null if there is none.

    Raises:
        SetupError: it does not end.
    """
    running = find(location)
    if running is None:
        return None
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds + BEYOND_GRACE_SECONDS
    while lives(running.pid) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    if lives(running.pid):
        sentence = f"The server, process {running.pid}, does not end."
        raise SetupError(sentence)
    return running


def program(location: IndexLocation) -> list[str]:
    """Our own program on an index; `-P`, so that no file of the folder it is started in is imported."""
    return [sys.executable, "-P", "-m", "qmd_mcp", "--index", location.uri]


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return (
        lines[-1].removeprefix("qmd-mcp: ") if lines else f"The server did not start within {STARTING_SECONDS:.0f} s."
    )
