"""A server process for many clients, over HTTP."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial

import anyio
from anyio import to_thread

from qmd_mcp.application.engine_protocols import OpenEngine
from qmd_mcp.errors import AlreadyServedError, SettingsError
from qmd_mcp.log_lines import log_to_standard_error
from qmd_mcp.server.process.importing import importing
from qmd_mcp.server.process.operating_system import OPERATING_SYSTEM
from qmd_mcp.server.process.process_exit import leave_anyway, leave_at_once, leave_if_busy
from qmd_mcp.server.process.run_file import Running, find, find_or_refuse, remove, write
from qmd_mcp.server.process.stdio_process import load_engine
from qmd_mcp.settings import IndexLocation, Settings, tell

BACKLOG = 512
"""How many new connections the operating system keeps waiting: more than the server takes at once."""

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
    log_to_standard_error()
    logging.getLogger("mcp.server.sse").setLevel(logging.ERROR)  # it warns of every message to a session that has ended
    OPERATING_SYSTEM.when_asked_to_end(leave_at_once)  # until there is something to close
    from qmd_mcp.server.http.access import access_policy

    access_policy(settings)
    running = find_or_refuse(location)
    if running is not None:  # the run file has room for one: `stop` would no longer find the other
        raise AlreadyServedError(running.url, pid=running.pid)
    with bound(settings) as listener:
        ended = threading.Event()
        threading.Thread(target=leave_anyway, args=(ended,), name="last resort", daemon=True).start()
        anyio.run(partial(_serve, settings, location, refresh=refresh, load=load, listener=listener, ended=ended))
    leave_if_busy()


async def _serve(
    settings: Settings,
    location: IndexLocation,
    *,
    refresh: bool,
    load: Callable[[], OpenEngine],
    listener: socket.socket,
    ended: threading.Event,
) -> None:
    with importing():
        import uvicorn

        from qmd_mcp.domain.figures import Figures
        from qmd_mcp.presentation.disclosure import NoPaths
        from qmd_mcp.server.http.prometheus import Metrics
        from qmd_mcp.server.http.traffic import Traffic
        from qmd_mcp.server.http.web_application import web_application
        from qmd_mcp.server.mcp.mcp_application import Application
        from qmd_mcp.server.mcp.tools import Tools
        from qmd_mcp.server.process.served_application import served

    class Server(uvicorn.Server):
        """A uvicorn server that handles no signals: uvicorn would raise them again after an orderly end."""

        @contextmanager
        def capture_signals(self) -> Generator[None]:
            yield

    token = settings.token.get_secret_value() if settings.token else None
    running = Running(
        pid=os.getpid(),
        url=_local(url_of(listener)),
        token=token,
        instance=secrets.token_hex(8),
        parent=os.getppid(),
    )
    traffic = Traffic(
        max_requests=settings.max_requests,
        max_streams=settings.max_sessions,
        idle_seconds=settings.session_idle_seconds,
    )
    metrics = Metrics()
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
            Tools(engine, NoPaths(), structured=settings.structured), observer=metrics, admission=traffic.call
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
            instance=running.instance,
        )
        server = Server(
            uvicorn.Config(
                web,
                log_config=None,
                access_log=False,
                lifespan="on",
                backlog=BACKLOG,
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


def url_of(listener: socket.socket) -> str:
    """Return the URL at which a socket listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _local(url: str) -> str:
    """Return the URL at which this machine reaches a server that may listen on every address."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


@contextmanager
def bound(settings: Settings) -> Generator[socket.socket]:
    """Give a socket that listens at the host and port of the settings.

    The socket is made with its protocol, because asyncio delays small answers by 40 ms on a socket without one.

    Raises:
        SettingsError: the address cannot be bound.
    """
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
