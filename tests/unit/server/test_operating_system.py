"""What server processes need of the operating system, the same for POSIX and for Windows.

Windows' implementation runs here over a kernel in memory that has the signature of the real one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from qmd_mcp.server.process.operating_system import REPLACE_ATTEMPTS, OperatingSystem, Posix, Windows
from qmd_mcp.server.process.windows_kernel import INFINITE, WAIT_TIMEOUT

PATIENCE = 30
"""Seconds that any step may take on a busy machine."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the processes of these tests are POSIX's")


@dataclass(slots=True)
class KernelInMemory:
    """Processes and named events that are signalled or not, behind handles that must be given back."""

    processes: dict[int, threading.Event] = field(default_factory=dict[int, threading.Event])
    events: dict[str, threading.Event] = field(default_factory=dict[str, threading.Event])
    handles: dict[int, threading.Event] = field(default_factory=dict[int, threading.Event])
    handed_out: int = 0

    def _handle(self, signalled: threading.Event) -> int:
        self.handed_out += 1
        self.handles[self.handed_out] = signalled
        return self.handed_out

    def OpenProcess(self, access: int, inherit: bool, pid: int, /) -> int | None:  # noqa: FBT001, N802  Windows' own
        assert 0 <= pid < 2**32, "ctypes would cut it"
        return self._handle(self.processes[pid]) if pid in self.processes else None

    def WaitForSingleObject(self, handle: int, milliseconds: int, /) -> int:  # noqa: N802  Windows' own
        seconds = None if milliseconds == INFINITE else milliseconds / 1000
        return 0 if self.handles[handle].wait(seconds) else WAIT_TIMEOUT

    def CloseHandle(self, handle: int, /) -> int:  # noqa: N802  Windows' own
        del self.handles[handle]
        return 1

    def CreateEventW(self, security: None, manual: bool, state: bool, name: str, /) -> int | None:  # noqa: FBT001, N802  Windows' own
        return self._handle(self.events.setdefault(name, threading.Event()))

    def OpenEventW(self, access: int, inherit: bool, name: str, /) -> int | None:  # noqa: FBT001, N802  Windows' own
        return self._handle(self.events[name]) if name in self.events else None

    def SetEvent(self, handle: int, /) -> int:  # noqa: N802  Windows' own
        self.handles[handle].set()
        return 1


class Machine(Protocol):
    """A machine on which a test can start a process and have it end."""

    system: OperatingSystem

    def start(self) -> int: ...

    def end(self, pid: int) -> None: ...


class PosixMachine:
    """This one."""

    def __init__(self) -> None:
        self.system = Posix()
        self.started: dict[int, subprocess.Popen[bytes]] = {}

    def start(self) -> int:
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        self.started[process.pid] = process
        return process.pid

    def end(self, pid: int) -> None:
        process = self.started.pop(pid)
        process.kill()
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE)


class WindowsMachine:
    """One in memory."""

    def __init__(self) -> None:
        self.kernel = KernelInMemory()
        self.system = Windows(self.kernel)

    def start(self) -> int:
        pid = len(self.kernel.processes) + 1
        self.kernel.processes[pid] = threading.Event()
        return pid

    def end(self, pid: int) -> None:
        self.kernel.processes[pid].set()


@pytest.fixture(params=[PosixMachine, WindowsMachine])
def machine(request: pytest.FixtureRequest) -> Generator[Machine]:
    """Either of them; signals are afterwards handled as before."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield request.param()
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def test_a_process_is_alive_until_it_ends_and_looking_does_it_no_harm(machine: Machine) -> None:
    pid = machine.start()
    assert machine.system.process_is_alive(pid)
    assert machine.system.process_is_alive(pid)
    machine.end(pid)
    assert not machine.system.process_is_alive(pid)


@pytest.mark.parametrize("pid", [-1, 0, 2**40])
def test_a_number_that_no_process_can_have_is_not_alive_and_is_not_ended(machine: Machine, pid: int) -> None:
    """To POSIX, 0 and -1 mean several processes."""
    assert not machine.system.process_is_alive(pid)
    machine.system.request_end(pid)


def test_a_request_to_end_a_process_that_has_ended_is_no_error(machine: Machine) -> None:
    pid = machine.start()
    machine.end(pid)
    machine.system.request_end(pid)


def test_a_process_that_is_asked_to_end_acts_once_as_was_said_last(machine: Machine) -> None:
    acts: list[str] = []
    acted = threading.Event()

    def act() -> None:
        acts.append("second")
        acted.set()

    machine.system.when_asked_to_end(lambda: acts.append("first"))
    machine.system.when_asked_to_end(act)
    machine.system.request_end(os.getpid())
    assert acted.wait(PATIENCE)
    assert acts == ["second"]


def test_an_interruption_from_the_keyboard_is_such_a_request_and_a_second_is_not(machine: Machine) -> None:
    acts: list[str] = []
    machine.system.when_asked_to_end(lambda: acts.append("end"))
    signal.raise_signal(signal.SIGINT)
    assert acts == ["end"]
    assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL


def test_a_file_takes_the_place_of_another_and_can_be_removed_twice(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "new").write_text("new")
    machine.system.replace_file(tmp_path / "new", tmp_path / "old")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old", "new")]
    for _ in range(2):
        machine.system.remove_file(tmp_path / "old")
    assert list(tmp_path.iterdir()) == []


@dataclass(slots=True)
class Occupied:
    """Renames a file as soon as another process, which has it open, has closed it."""

    refusals: int
    attempts: int = 0

    def replace(self, source: Path, target: Path) -> None:
        self.attempts += 1
        if self.attempts <= self.refusals:
            raise PermissionError(13, "The process cannot access the file because it is being used", str(target))
        source.replace(target)


def test_windows_waits_for_whoever_has_the_file_open(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    occupied = Occupied(refusals=2)
    Windows(KernelInMemory(), replace=occupied.replace).replace_file(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old").read_text() == "new"
    assert occupied.attempts == 3


def test_windows_does_not_wait_for_ever(tmp_path: Path) -> None:
    occupied = Occupied(refusals=REPLACE_ATTEMPTS + 1)
    with pytest.raises(PermissionError):
        Windows(KernelInMemory(), replace=occupied.replace).replace_file(tmp_path / "new", tmp_path / "old")
    assert occupied.attempts == REPLACE_ATTEMPTS


def test_windows_gives_back_every_handle_it_took() -> None:
    machine = WindowsMachine()
    pid = machine.start()
    machine.system.process_is_alive(pid)
    machine.end(pid)
    machine.system.process_is_alive(pid)
    machine.kernel.events[f"Local\\qmd-mcp-end-{pid}"] = threading.Event()
    machine.system.request_end(pid)
    assert machine.kernel.handles == {}
    assert machine.kernel.handed_out == 3


def test_a_process_that_ended_and_was_not_waited_for_is_not_alive() -> None:
    """POSIX keeps it as a zombie."""
    with subprocess.Popen([sys.executable, "-c", "print('ended')"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read() == b"ended\n"
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not Posix().process_is_alive(process.pid)
