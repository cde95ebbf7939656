"""A server process that speaks MCP over standard input and output."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TextIO

import anyio

from qmd_mcp.application.engine_protocols import OpenEngine
from qmd_mcp.errors import SetupError
from qmd_mcp.server.limits.bounded_log import log_within_bounds
from qmd_mcp.server.limits.last_resort import end_even_if_frozen
from qmd_mcp.server.limits.open_files import permit_open_files
from qmd_mcp.server.process.endable_stdin import EndableStdin
from qmd_mcp.server.process.forwarding import Conversation
from qmd_mcp.server.process.importing import importing
from qmd_mcp.server.process.operating_system import OPERATING_SYSTEM
from qmd_mcp.server.process.process_exit import leave_anyway, leave_if_busy
from qmd_mcp.server.process.run_file import find
from qmd_mcp.server.process.upstream import ChildUpstream, HttpUpstream, Upstream
from qmd_mcp.settings import IndexLocation, Settings, tell


def load_engine() -> OpenEngine:
    """Import lancedb, fastembed and onnxruntime, which takes seconds and is done in a worker thread."""
    with importing():
        from qmd_mcp.application.engine import open_engine

    return open_engine


def serve_stdio(
    settings: Settings,
    location: IndexLocation,
    *,
    refresh: bool,
    forward: bool = True,
    alone: Sequence[str] = (),
    load: Callable[[], OpenEngine] = load_engine,
) -> None:
    """Serve until standard input ends or the process is asked to end by a signal; the process must end after that.

    With `forward`, a running HTTP server of the same index answers the client, so that several clients share one set of
    models. If that server ends, a child process with the command `alone` goes on in its place.

    Raises:
        SetupError: standard input or standard output is closed.
    """
    streams: tuple[TextIO | None, ...] = (sys.stdin, sys.stdout)
    if None in streams:
        sentence = "serve talks MCP over standard input and output, and one of them is closed."
        raise SetupError(sentence)
    if sys.stdin.isatty():
        tell(f"waiting for an MCP client on standard input; {OPERATING_SYSTEM.end_of_input_keys} ends.")
    log_within_bounds()
    permit_open_files()
    end_even_if_frozen(source=0)
    stdin = EndableStdin()
    OPERATING_SYSTEM.when_asked_to_end(stdin.end)

    if forward and _forwarded(location, alone, stdin):
        return

    with importing():
        from qmd_mcp.server.process.served_application import converse  # takes a second, in which a signal may come

    _leave_in_time(stdin)
    anyio.run(partial(converse, settings, location, refresh=refresh, load=load))
    leave_if_busy()


def _forwarded(location: IndexLocation, alone: Sequence[str], stdin: EndableStdin) -> bool:
    """Let a running server answer the client; return False if there is none."""
    server = _running_server(location)
    if server is None:
        return False

    _leave_in_time(stdin)

    def connect() -> Upstream:
        return _running_server(location) or ChildUpstream(alone)

    with open(0, "rb", closefd=False) as source, open(1, "wb", closefd=False) as output:
        Conversation(server, connect=connect, output=output).run(source)
    return True


def _running_server(location: IndexLocation) -> HttpUpstream | None:
    """Begin a session with the running server of the index, or return None if that is not possible."""
    running = find(location)
    if running is None:
        return None
    try:
        return HttpUpstream(running)
    except OSError:
        return None


def _leave_in_time(stdin: EndableStdin) -> None:
    threading.Thread(target=leave_anyway, args=(stdin.ended,), name="last resort", daemon=True).start()
