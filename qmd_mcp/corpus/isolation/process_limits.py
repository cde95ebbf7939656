"""Limits of memory and of processor time that a process sets for itself, where the operating system has them."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import resource

_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may take; each limit is a base and a share that grows with the size of the file."""

    seconds: float = 5.0
    seconds_per_mb: float = 4.0
    """Processor time. On 2 slow cores, honest documents take .1 to .9 s for each megabyte, and 5 MB of one-letter lines
    5.8 s."""
    memory: int = 512 * 1024 * 1024
    memory_per_byte: int = 32
    """Bytes beyond what the process has before it reads: 5 MB of honest documents take up to 130 MB."""
    patience: float = 4.0
    """How many seconds are waited for each second of processor time. The clock on the wall is the last resort, where a
    process waits without working, or where the system has no timer; a machine with four busy processes for each core is
    still given the time that it needs."""
    patience_seconds: float = 30.0
    """What is waited in addition, since a process of a machine that is short of memory may stand still for a while."""

    def seconds_for(self, size: int) -> float:
        """Processor seconds for a file of so many bytes."""
        return self.seconds + self.seconds_per_mb * size / _MB

    def memory_for(self, size: int) -> int:
        """Bytes of memory for a file of so many bytes."""
        return self.memory + self.memory_per_byte * size

    def patience_for(self, size: int) -> float:
        """Seconds that are waited for the answer for a file of so many bytes."""
        return self.patience * self.seconds_for(size) + self.patience_seconds


DEFAULT_LIMITS = Limits()
"""The limits of every index."""


def leave_no_core_file() -> None:
    """Have a process that crashes leave no copy of its memory on disk, since it holds text of the person's files."""
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_seconds(seconds: float) -> None:
    """Have the kernel end this process after so much processor time from now on; 0 takes the limit away.

    The signal needs no Python code to run, so it ends a process that never comes back from a library as well. Windows
    has no such timer; there the process that waits for the answer ends this one by the clock on the wall.
    """
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


def limit_memory(more: int) -> None:
    """Have this process get no more than so many bytes in addition to what it has now.

    Only Linux tells a process how much it has, and only Linux keeps the limit reliably.
    """
    if sys.platform == "linux":
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = _address_space() + more
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()
