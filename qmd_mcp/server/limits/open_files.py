"""How many files and connections this process may have open at once."""

from __future__ import annotations

import sys
from contextlib import suppress

from qmd_mcp.errors import SettingsError

MOST_WANTED = 65_536
"""More than any server here uses. Some containers permit a billion, and programs that a process starts may close every
number that is permitted, one by one."""

FOR_THE_INDEX = 256
"""Files that the engine and its models have open beside the connections: 20 when nobody asks, measured with one
document, and 21 with 32 clients at once. LanceDB opens more in a large index, for a moment each."""

ACCEPTED_AT_ONCE = 64
"""New connections that are taken in one turn of the event loop. Those that give way to them are closed one turn later,
so that twice as many are open for a moment."""

FEWEST_CONNECTIONS = 64
"""A server with fewer connections would refuse the streams of a handful of agents."""


def permit_open_files() -> int | None:
    """Let this process open as many files as the machine permits; return how many, or None if nothing counts them."""
    if sys.platform == "win32":
        return None
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_WANTED if hard == resource.RLIM_INFINITY else min(hard, MOST_WANTED)
    for wanted in (most, 10_240):  # macOS says "infinity" and permits its OPEN_MAX
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < wanted:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def connection_limit(wanted: int) -> int:
    """Return how many connections a server may have, at most `wanted`, so that it never runs out of descriptors.

    Raises:
        SettingsError: the process may open too few files for a server.
    """
    permitted = permit_open_files()
    if permitted is None:
        return wanted
    left = permitted - FOR_THE_INDEX - 2 * ACCEPTED_AT_ONCE
    if left < FEWEST_CONNECTIONS:
        needed = FOR_THE_INDEX + 2 * ACCEPTED_AT_ONCE + FEWEST_CONNECTIONS
        sentence = (
            f"This process may open only {permitted} files at once, and a server needs {needed}. "
            f"Permit more before you start it: ulimit -n 1024"
        )
        raise SettingsError(sentence)
    return min(wanted, left)
