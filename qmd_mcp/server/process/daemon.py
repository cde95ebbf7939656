"""Starting an HTTP server that outlives the terminal, and stopping it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from qmd_mcp.errors import SetupError
from qmd_mcp.server.process.operating_system import OPERATING_SYSTEM
from qmd_mcp.server.process.run_file import Running, find_of_any_version, find_or_refuse, find_process, remove, run_file
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


@dataclass(frozen=True, slots=True)
class Stopped:
    """A server that has been ended."""

    pid: int
    by_force: bool
    """Whether it did not end when it was asked to."""


def stop(location: IndexLocation, *, grace_seconds: float) -> Stopped | None:
    """End the server of an index, whatever its version, and wait until it has ended; return None if there is none.

    One that does not end in time is ended by force, which loses nothing: the index is written in atomic steps.

    Raises:
        SetupError: the server does not end, and it is not certain enough that its process is ours to end by force.
    """
    running = find_process(location)
    if running is None:
        return None
    OPERATING_SYSTEM.request_end(running.pid)
    if _has_ended(running, seconds=grace_seconds + BEYOND_GRACE_SECONDS):
        remove(location, running)  # which it did itself, unless it was ended by force
        return Stopped(running.pid, by_force=False)
    if running.started is None:
        sentence = f"The server does not end. End process {running.pid} by force."
        raise SetupError(sentence)
    with suppress(ProcessLookupError):  # it ended meanwhile
        os.kill(running.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    _has_ended(running, seconds=BEYOND_GRACE_SECONDS)
    remove(location, running)
    return Stopped(running.pid, by_force=True)


def _has_ended(running: Running, *, seconds: float) -> bool:
    """Wait until a server has ended; return False if it has not after so many seconds."""
    deadline = time.monotonic() + seconds
    while running.is_alive:
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE_SECONDS)
    return True


def program(location: IndexLocation) -> list[str]:
    """Return the command that runs our own program on an index; with `-P` it imports no file of the working folder."""
    return [sys.executable, "-P", "-m", "qmd_mcp", "--index", location.uri]


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return (
        lines[-1].removeprefix("qmd-mcp: ") if lines else f"The server did not start within {STARTING_SECONDS:.0f} s."
    )
