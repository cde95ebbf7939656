"""What server processes need of the operating system, for POSIX and for Windows."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from qmd_mcp.server.process.windows_kernel import (
    EVENT_MODIFY_STATE,
    INFINITE,
    SYNCHRONIZE,
    WAIT_TIMEOUT,
    Kernel,
    windows_kernel,
)

REPLACE_ATTEMPTS = 50
"""Another process holds a run file open for well under a millisecond; 50 attempts wait half a second for it."""

REPLACE_PAUSE_SECONDS = 0.01

_START_TIME = 19
"""The place of `starttime` behind the name of the program in /proc/PID/stat, where the state has place 0 (proc(5))."""


class OperatingSystem(Protocol):
    """The operations that differ between POSIX and Windows."""

    end_of_input_keys: str
    """The keys that end the input of a terminal."""

    def process_is_alive(self, pid: int) -> bool:
        """Return whether a process of this user runs; one that has ended and was not waited for does not run."""
        ...

    def process_started(self, pid: int) -> int | None:
        """Return when a process began, as this system counts; None if it is not known."""
        ...

    def request_end(self, pid: int) -> None:
        """Ask a server process to end in an orderly way; it is no error if the process is gone already."""
        ...

    def when_asked_to_end(self, act: Callable[[], object]) -> None:
        """Call `act` once when this process is asked to end, by a signal or by `request_end`.

        A later call replaces `act`. `act` runs in the main thread or in a thread of its own, so that it must be safe
        in both. A second signal ends the process at once. To be called in the main thread.
        """
        ...

    def detached_process_options(self) -> Mapping[str, Any]:
        """Return the arguments of `subprocess.Popen` for a process that outlives the terminal."""
        ...

    def replace_file(self, source: Path, target: Path) -> None:
        """Rename a file over another one in one step."""
        ...

    def remove_file(self, path: Path) -> None:
        """Delete a file, if it exists."""
        ...

    def prepare_listener(self, listener: socket.socket) -> None:
        """Set the options that let a restarted server bind its address again, and no other program besides it."""
        ...


class Posix:
    """Linux, macOS and other systems with POSIX signals."""

    end_of_input_keys = "Ctrl-D"

    def process_is_alive(self, pid: int) -> bool:
        """Send the signal 0, which only checks; a zombie is told from a running process by Linux's /proc."""
        if pid <= 0:  # kill would mean a group of processes
            return False
        try:
            os.kill(pid, 0)
        except (OSError, OverflowError):
            return False
        fields = _linux_fields(pid)
        return not fields or fields[0] != "Z"

    def process_started(self, pid: int) -> int | None:
        """Read it from Linux's /proc: the clock ticks from the start of the machine to that of the process."""
        fields = _linux_fields(pid)
        return int(fields[_START_TIME]) if len(fields) > _START_TIME else None

    def request_end(self, pid: int) -> None:
        """Send SIGTERM."""
        if self.process_is_alive(pid):
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(pid, signal.SIGTERM)

    def when_asked_to_end(self, act: Callable[[], object]) -> None:
        """Handle SIGINT and SIGTERM."""
        _once_on_signals((signal.SIGINT, signal.SIGTERM), act)

    def detached_process_options(self) -> Mapping[str, Any]:
        """Start a new session, which no terminal controls."""
        return {"start_new_session": True}

    def replace_file(self, source: Path, target: Path) -> None:
        """Rename the file, which POSIX allows while others have the target open."""
        source.replace(target)

    def remove_file(self, path: Path) -> None:
        """Unlink the file, which POSIX allows while others have it open."""
        path.unlink(missing_ok=True)

    def prepare_listener(self, listener: socket.socket) -> None:
        """Allow an address whose former connections have not timed out yet."""
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


class Windows:
    """Windows, whose processes have no SIGTERM and whose `os.kill(pid, 0)` would interrupt the process or end it.

    A server is asked to end through a named event of the kernel. Windows gives a new event to its creator's user
    alone, as POSIX lets only the same user send a signal. The other ways were not taken: a console's CTRL_BREAK reaches
    only processes of the same console, and a request over HTTP would need a secret that `/health` does not show.
    """

    end_of_input_keys = "Ctrl-Z and Enter"

    CREATE_NEW_PROCESS_GROUP = 0x0000_0200
    CREATE_NO_WINDOW = 0x0800_0000
    SO_EXCLUSIVEADDRUSE = -5
    """Constants of the Windows API, under its names; Python has them on Windows alone."""

    def __init__(self, kernel: Kernel | None = None, *, replace: Callable[[Path, Path], object] = os.replace) -> None:
        self._kernel = windows_kernel() if kernel is None else kernel
        self._replace = replace
        self._act: Callable[[], object] | None = None
        self._waits = False

    def process_is_alive(self, pid: int) -> bool:
        """Open the process and look whether it has been signalled, which happens when it ends."""
        if not 0 < pid < 2**32:
            return False
        process = self._kernel.OpenProcess(SYNCHRONIZE, False, pid)  # noqa: FBT003  the kernel's signature
        if not process:
            return False
        try:
            return self._kernel.WaitForSingleObject(process, 0) == WAIT_TIMEOUT
        finally:
            self._kernel.CloseHandle(process)

    def process_started(self, pid: int) -> int | None:  # noqa: ARG002  the protocol's signature
        """Leave it open: the proof of identity tells processes apart as well."""
        return None

    def request_end(self, pid: int) -> None:
        """Set the event that the server waits for."""
        event = self._kernel.OpenEventW(EVENT_MODIFY_STATE, False, self._event_name(pid))  # noqa: FBT003  as above
        if event:
            self._kernel.SetEvent(event)
            self._kernel.CloseHandle(event)

    def when_asked_to_end(self, act: Callable[[], object]) -> None:
        """Handle Ctrl-C and Ctrl-Break, and wait for the event in a thread."""
        self._act = act
        _once_on_signals((signal.SIGINT, getattr(signal, "SIGBREAK", signal.SIGTERM)), self._end)
        if not self._waits:
            self._waits = True
            event = self._kernel.CreateEventW(None, True, False, self._event_name(os.getpid()))  # noqa: FBT003  as above
            if event:  # without it the server can still be ended by Ctrl-C and by the task manager
                threading.Thread(target=self._wait, args=(event,), name="end requests", daemon=True).start()

    def detached_process_options(self) -> Mapping[str, Any]:
        """Give the process a console of its own that has no window, so that closing the terminal does not end it."""
        return {"creationflags": self.CREATE_NEW_PROCESS_GROUP | self.CREATE_NO_WINDOW}

    def replace_file(self, source: Path, target: Path) -> None:
        """Try again while another process has the target open, which Windows does not allow."""
        self._insist(lambda: self._replace(source, target))

    def remove_file(self, path: Path) -> None:
        """Try again while another process has the file open, which Windows does not allow."""
        self._insist(lambda: path.unlink(missing_ok=True))

    def prepare_listener(self, listener: socket.socket) -> None:
        """Take the address for this process alone: otherwise another program could bind it, too."""
        listener.setsockopt(socket.SOL_SOCKET, self.SO_EXCLUSIVEADDRUSE, 1)

    def _wait(self, event: int) -> None:
        self._kernel.WaitForSingleObject(event, INFINITE)
        self._end()

    def _end(self) -> None:
        act, self._act = self._act, None
        if act is not None:
            act()

    @staticmethod
    def _event_name(pid: int) -> str:
        return f"Local\\qmd-mcp-end-{pid}"

    @staticmethod
    def _insist(act: Callable[[], object]) -> None:
        for _ in range(REPLACE_ATTEMPTS - 1):
            with suppress(PermissionError):
                act()
                return
            time.sleep(REPLACE_PAUSE_SECONDS)
        act()


def _linux_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name of the program, which may itself have blanks and brackets."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()


def _once_on_signals(numbers: tuple[signal.Signals, ...], act: Callable[[], object]) -> None:
    """Call `act` at the first of these signals and give all of them back their default meaning."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        act()

    for number in numbers:
        signal.signal(number, handle)


def this_operating_system() -> OperatingSystem:
    """Return the implementation for the machine that this process runs on."""
    return Windows() if sys.platform == "win32" else Posix()


OPERATING_SYSTEM: OperatingSystem = this_operating_system()
