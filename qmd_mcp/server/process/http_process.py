"""A server process for many clients, over HTTP."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from qmd_mcp.application.engine_protocols import OpenEngine
from qmd_mcp.errors import AlreadyServedError, SettingsError
from qmd_mcp.server.clients.own_token import how_to_connect, with_token
from qmd_mcp.server.clients.registered_clients import ClientTokens
from qmd_mcp.server.clients.socket_file import SCHEME, bound_to_file
from qmd_mcp.server.limits.bounded_log import log_within_bounds
from qmd_mcp.server.limits.last_resort import end_even_if_frozen
from qmd_mcp.server.limits.open_files import ACCEPTED_AT_ONCE, connection_limit
from qmd_mcp.server.process.importing import importing
from qmd_mcp.server.process.operating_system import OPERATING_SYSTEM
from qmd_mcp.server.process.process_exit import leave_anyway, leave_at_once, leave_if_busy
from qmd_mcp.server.process.run_file import Running, find, find_or_refuse, local_url, remove, run_file, write
from qmd_mcp.server.process.stdio_process import load_engine
from qmd_mcp.settings import IndexLocation, Settings, tell

if TYPE_CHECKING:  # uvicorn is imported while the server starts
    from qmd_mcp.server.http.connections import Connections

BACKLOG = 512
"""How many new connections the operating system keeps waiting: more than the server takes at once."""

CONNECTIONS_PER_PLACE = 4
"""Connections for each request and each stream that may be in progress: one that works, one whose body is read, and as
many again that wait between two requests. With the default settings there are 2,048, which take 35 MB at most."""

HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
"""What every answer tells a browser: do not take it for a script, and give it to no page of another site."""

LINGERING_SECONDS = 1.0
"""How long connections may take to close once the time of grace is over and their streams have been ended."""


def serve_http(
    settings: Settings, location: IndexLocation, *, refresh: bool, load: Callable[[], OpenEngine] = load_engine
) -> None:
    """Serve until the process is asked to end, by Ctrl-C, SIGTERM or `qmd-mcp stop`; the process must end after that.

    Raises:
        SettingsError: the address cannot be bound, or other machines could connect and no token is set.
        AlreadyServedError: a server of this index is running.
        OtherVersionError: a server of another version is running for this index.
    """
    log_within_bounds(run_file(location).with_suffix(".log"))
    logging.getLogger("mcp.server.sse").setLevel(logging.ERROR)  # it warns of every message to a session that has ended
    end_even_if_frozen()
    OPERATING_SYSTEM.when_asked_to_end(leave_at_once)  # until there is something to close
    from qmd_mcp.server.http.access import access_policy

    settings = with_token(settings, location)
    access_policy(settings, ClientTokens(location))
    limit = connection_limit(CONNECTIONS_PER_PLACE * (settings.max_requests + settings.max_sessions))
    running = find_or_refuse(location)
    if running is not None:  # the run file has room for one: `stop` would no longer find the other
        raise AlreadyServedError(running.url, pid=running.pid)
    with bound(settings) as listener:
        ended = threading.Event()
        threading.Thread(target=leave_anyway, args=(ended,), name="last resort", daemon=True).start()
        serving = partial(_serve, settings, location, refresh=refresh, load=load)
        anyio.run(partial(serving, listener=listener, max_connections=limit, ended=ended))
    leave_if_busy()


async def _serve(
    settings: Settings,
    location: IndexLocation,
    *,
    refresh: bool,
    load: Callable[[], OpenEngine],
    listener: socket.socket,
    max_connections: int,
    ended: threading.Event,
) -> None:
    with importing():
        import uvicorn

        from qmd_mcp.domain.figures import Figures
        from qmd_mcp.presentation.disclosure import NoPaths
        from qmd_mcp.server.clients.audit_file import audit_of
        from qmd_mcp.server.http.connections import Connections, bounded_by
        from qmd_mcp.server.http.prometheus import Metrics
        from qmd_mcp.server.http.traffic import Traffic
        from qmd_mcp.server.http.web_application import web_application
        from qmd_mcp.server.mcp.mcp_application import Application
        from qmd_mcp.server.mcp.tools import Tools
        from qmd_mcp.server.process.served_application import served

    class Server(uvicorn.Server):
        """A uvicorn server that handles no signals: uvicorn would raise them again after an orderly end.

        Asyncio's `backlog` is also how many connections it accepts in one turn of the loop, which must be few.
        """

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            listener.listen(BACKLOG)

        @contextmanager
        def capture_signals(self) -> Generator[None]:
            yield

    token = settings.token.get_secret_value() if settings.token else None
    running = Running(
        pid=os.getpid(),
        url=local_url(url_of(listener)),
        token=token,
        secret=secrets.token_urlsafe(32),
        parent=os.getppid(),
        started=OPERATING_SYSTEM.process_started(os.getpid()),
    )
    traffic = Traffic(
        max_requests=settings.max_requests,
        max_streams=settings.max_sessions,
        max_body_bytes=settings.max_body_bytes,
        idle_seconds=settings.session_idle_seconds,
    )
    connections = Connections(limit=max_connections)
    asyncio.get_running_loop().set_exception_handler(partial(_on_loop_fault, connections))
    metrics = Metrics()
    metrics.watch("qmd_connections_open", "HTTP connections", lambda: len(connections))
    metrics.watch("qmd_requests_in_progress", "HTTP requests, streams left out", lambda: traffic.requests)
    metrics.watch("qmd_calls_in_progress", "Calls of tools", lambda: traffic.calls)
    metrics.watch("qmd_streams_open", "Streams of events", lambda: traffic.streams)
    async with served(
        settings,
        location,
        refresh=refresh,
        load=load,
        unasked_after=0,
        build=lambda _host, engine: Application(
            Tools(engine, NoPaths(), structured=settings.structured),
            observer=metrics,
            admission=traffic.call,
            audit=audit_of(settings.audit),
        ),
    ) as serving:
        host = serving.host
        metrics.follow(lambda: host.opened.figures() if host.opened else Figures())
        web = web_application(
            serving.application,
            settings=settings,
            traffic=traffic,
            metrics=metrics,
            state=lambda: serving.host.state,
            identity=running.identity,
            clients=ClientTokens(location),
        )
        server = Server(
            uvicorn.Config(
                web,
                log_config=None,
                access_log=False,
                lifespan="on",
                http=bounded_by(connections),
                ws="none",
                headers=list(HEADERS.items()),
                backlog=ACCEPTED_AT_ONCE,
                server_header=False,
                timeout_graceful_shutdown=round(settings.grace_seconds + LINGERING_SECONDS),
            )
        )

        async def stop_when_asked() -> None:
            asked = anyio.Event()
            loop = asyncio.get_running_loop()
            OPERATING_SYSTEM.when_asked_to_end(lambda: loop.call_soon_threadsafe(asked.set))
            if await to_thread.run_sync(find, location) is None:
                write(location, running)
            tell(how_to_connect(settings, location))
            tell(f"serving {url_of(listener)}")
            await asked.wait()
            remove(location, running)
            server.should_exit = True
            await traffic.end(grace_seconds=settings.grace_seconds)

        async with anyio.create_task_group() as group:
            group.start_soon(stop_when_asked)
            await server.serve(sockets=[listener])
            ended.set()
            group.cancel_scope.cancel()


def _on_loop_fault(connections: Connections, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log a fault of the event loop; if the process has no file descriptor left, close waiting connections first."""
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        connections.shed()
    loop.default_exception_handler(context)


def url_of(listener: socket.socket) -> str:
    """Return the URL at which a socket listens, or its path behind `unix:`."""
    if not isinstance(listener.getsockname(), tuple):
        return f"{SCHEME}{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def bound(settings: Settings) -> Generator[socket.socket]:
    """Give a socket that listens at the host and port of the settings.

    The socket is made with its protocol, because asyncio delays small answers by 40 ms on a socket without one.

    Raises:
        SettingsError: the address cannot be bound.
    """
    if settings.socket is not None:
        with bound_to_file(settings.socket, backlog=BACKLOG) as listener:
            yield listener
        return
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )[0]
    except OSError as error:
        raise _not_served(settings, error) from error
    with socket.socket(family, kind, protocol) as listener:
        OPERATING_SYSTEM.prepare_listener(listener)
        try:
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError as error:
            raise _not_served(settings, error) from error
        yield listener


def _not_served(settings: Settings, error: OSError) -> SettingsError:
    reason = (error.strerror or str(error)).lower()
    return SettingsError(
        f"{settings.host} port {settings.port} cannot be served: {reason}. Choose another with --port."
    )
