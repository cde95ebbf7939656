"""Limits of memory and of processor time that a process sets for itself, where the operating system has them."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

if sys.platform != "win32":
    import resource

BASE_SECONDS = 5.0
SECONDS_PER_MB = 4.0
"""Processor time for one file: a base, and a share that grows with its size. On 2 slow cores, honest documents take .1
to .9 s for each megabyte, and 5 MB of one-letter lines take 5.8 s."""

BASE_BYTES = 512 * 1024 * 1024
BYTES_PER_BYTE = 32
"""Memory for one file, beyond what the process has before it reads: 5 MB of honest documents take up to 130 MB."""

_MB = 1_000_000


def seconds_for(size: int) -> float:
    """Processor seconds that reading a file of so many bytes may take."""
    return BASE_SECONDS + SECONDS_PER_MB * size / _MB


def memory_for(size: int) -> int:
    """Bytes that reading a file of so many bytes may take."""
    return BASE_BYTES + BYTES_PER_BYTE * size


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
