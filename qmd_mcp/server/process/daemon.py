"""Starting an HTTP server that outlives the terminal, and stopping it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from qmd_mcp.errors import SetupError
from qmd_mcp.server.process.operating_system import OPERATING_SYSTEM
from qmd_mcp.server.process.run_file import Running, find_of_any_version, find_or_refuse, run_file
from qmd_mcp.settings import IndexLocation

STARTING_SECONDS = 60.0
"""How long importing and binding may take on a busy machine."""

BEYOND_GRACE_SECONDS = 5.0
"""How long closing may take after the requests in progress have had their time."""

_PAUSE_SECONDS = 0.05
"""How long to wait before looking again whether a server has started or ended."""


def start(location: IndexLocation, arguments: Sequence[str]) -> tuple[Running, bool]:
    """Return the server of an index and whether this call has started it.

    Raises:
        OtherVersionError: a server of another version is running.
        SetupError: the new process ended before it served; the sentence is its own.
    """
    running = find_or_refuse(location)
    if running is not None:
        return running, False
    log = run_file(location).with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600), "wb") as output:
        process = subprocess.Popen(  # noqa: S603  our own program
            [*program(location), "serve", "--http", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            **OPERATING_SYSTEM.detached_process_options(),
        )

    deadline = time.monotonic() + STARTING_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        running = find_of_any_version(location)
        if running is not None and process.pid in {running.pid, running.parent}:
            return running, True
        time.sleep(_PAUSE_SECONDS)
    process.kill()
    raise SetupError(_last_line(log))


def stop(location: IndexLocation, *, grace_seconds: float) -> Running | None:
    """End the server of an index, whatever its version, and wait until it has ended; return None if there is none.

    Raises:
        SetupError: the server does not end.
    """
    running = find_of_any_version(location)
    if running is None:
        return None
    OPERATING_SYSTEM.request_end(running.pid)
    deadline = time.monotonic() + grace_seconds + BEYOND_GRACE_SECONDS
    while OPERATING_SYSTEM.process_is_alive(running.pid):
        if time.monotonic() >= deadline:
            sentence = f"The server does not end. End process {running.pid} by force."
            raise SetupError(sentence)
        time.sleep(_PAUSE_SECONDS)
    return running


def program(location: IndexLocation) -> list[str]:
    """Return the command that runs our own program on an index; with `-P` it imports no file of the working folder."""
    return [sys.executable, "-P", "-m", "qmd_mcp", "--index", location.uri]


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return (
        lines[-1].removeprefix("qmd-mcp: ") if lines else f"The server did not start within {STARTING_SECONDS:.0f} s."
    )
