"""Ending this process when it is asked to end and runs no Python any more."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

FROZEN_SECONDS = 5.0
"""How long no Python may run in a process that has been asked to end. The longest that one call of a library has held
the interpreter's lock in our measurements is 1.1 seconds; clients wait two seconds before they send the next signal."""

ASKING_SECONDS = 1.0
"""How long to wait before asking again whether the process still runs."""

PARENT_SECONDS = 60.0
"""How often to look whether the process has gone, should a child of it have kept the pipe open."""

_ENDING = frozenset({signal.SIGINT, signal.SIGTERM})
_ALIVE = b"\0"
"""What the process answers; no signal has this number."""


def end_even_if_frozen(*, source: int | None = None, frozen_seconds: float = FROZEN_SECONDS) -> None:
    """Have a small process of its own watch over this one, and end it if it is frozen when it is asked to end.

    A call into C, such as a regular expression, may hold the interpreter's lock for hours; then no signal handler runs
    and nobody notices the end of input. Python's own handler in C still writes the number of each signal into the pipe
    of `signal.set_wakeup_fd`, which is how the other process hears of SIGINT and SIGTERM. It hears of the end of the
    input when the other side of the descriptor `source` is closed. It then asks a thread of this process for a sign of
    life, again and again, and sends SIGKILL when none comes for `frozen_seconds`. Nothing is lost by that: the index is
    written in atomic steps.

    To be called in the main thread before other threads are started. Windows has no such pipe; there, whoever started
    the process ends it.
    """
    if sys.platform == "win32":
        return
    said, saying = os.pipe()
    asked, asking = os.pipe()
    os.set_blocking(saying, False)
    process = os.getpid()
    if os.fork() == 0:
        try:
            for number in (*_ENDING, signal.SIGHUP):  # a terminal sends these to both processes
                signal.signal(number, signal.SIG_IGN)
            _close_others(kept={2, said, asking, source})
            _watch(process, said, asking, source, frozen_seconds)
        except OSError:
            pass  # the process that was watched over has gone
        finally:
            os._exit(0)
    os.close(asking)  # `said` stays open, so that a signal can be noted even when the other process has been ended
    signal.set_wakeup_fd(saying, warn_on_full_buffer=False)
    threading.Thread(target=_answer, args=(asked, saying), name="signs of life", daemon=True).start()


def _answer(asked: int, saying: int) -> None:
    with suppress(OSError):
        while os.read(asked, 1):
            os.write(saying, _ALIVE)


def _watch(process: int, said: int, asking: int, source: int | None, frozen_seconds: float) -> None:
    """Wait until the process is asked to end, then end it if it is frozen; return when it has gone."""
    if not _asked_to_end(process, said, source):
        return
    while _is_alive(said, asking, frozen_seconds):
        time.sleep(ASKING_SECONDS)
    if os.getppid() == process:
        with suppress(OSError):
            os.write(2, b"qmd-mcp: the process was asked to end and had stopped running, so it is ended by force.\n")
        os.kill(process, signal.SIGKILL)


def _asked_to_end(process: int, said: int, source: int | None) -> bool:
    """Wait until the process is asked to end; return False if it has gone before."""
    poller = select.poll()
    poller.register(said, select.POLLIN)
    if source is not None:
        poller.register(source, 0)  # tells of the other side's end alone
    while os.getppid() == process:
        for descriptor, event in poller.poll(PARENT_SECONDS * 1_000):
            if descriptor == source:
                if event & (select.POLLHUP | select.POLLERR):
                    return True
                poller.unregister(source)  # a terminal on macOS, which cannot be watched
            else:
                numbers = os.read(said, select.PIPE_BUF)
                if not numbers:
                    return False
                if not _ENDING.isdisjoint(numbers):
                    return True
    return False


def _is_alive(said: int, asking: int, frozen_seconds: float) -> bool:
    """Ask for a sign of life and wait for it.

    Raises:
        OSError: the process has gone.
    """
    os.write(asking, b"?")
    deadline = time.monotonic() + frozen_seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([said], [], [], left)[0]:
            numbers = os.read(said, select.PIPE_BUF)
            if not numbers:
                raise ProcessLookupError
            if _ALIVE in numbers:
                return True
    return False


def _close_others(*, kept: set[int | None]) -> None:
    """Close what was inherited: whoever waits for the end of a pipe of the process must not wait for this one."""
    for descriptor in [int(path.name) for path in Path("/dev/fd").iterdir()]:
        if descriptor not in kept:
            with suppress(OSError):
                os.close(descriptor)
