"""A server process for many clients, over HTTP."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from types import FrameType

import anyio
from anyio import to_thread

from qmd_mcp.application.engine_protocols import OpenEngine
from qmd_mcp.errors import SettingsError
from qmd_mcp.server.process.importing import importing
from qmd_mcp.server.process.process_exit import leave_anyway, leave_if_busy
from qmd_mcp.server.process.run_file import Running, find, remove, write
from qmd_mcp.server.process.stdio_process import load_engine
from qmd_mcp.settings import IndexLocation, Settings

ENDING = (signal.SIGINT, signal.SIGTERM)

BACKLOG = 512
"""Connections that the system keeps waiting: more than the server takes at once."""

LINGERING_SECONDS = 1.0
"""Beyond the time of grace, for connections to close once their streams have been ended."""


def serve_http(
    settings: Settings, location: IndexLocation, *, refresh: bool, load: Callable[[], OpenEngine] = load_engine
) -> None:
    """Serve until SIGINT or SIGTERM comes; the process has to end after that.

    Raises:
        SettingsError: the address cannot be bound, or other machines could connect and no token is set.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="qmd-mcp: %(levelname)s: %(message)s")
    logging.getLogger("mcp.server.sse").setLevel(logging.ERROR)  # it warns of every message to a session that has ended
    for number in ENDING:
        signal.signal(number, _leave_at_once)  # while there is nothing to close
    from qmd_mcp.server.http.access import access_policy

    access_policy(settings)
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
        """Leaves signals to us: uvicorn would raise them again after an orderly end."""

        @contextmanager
        def capture_signals(self) -> Generator[None]:
            yield

    token = settings.token.get_secret_value() if settings.token else None
    running = Running(pid=os.getpid(), url=_local(url_of(listener)), token=token, instance=secrets.token_hex(8))
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

        async def stop() -> None:
            with anyio.open_signal_receiver(*ENDING) as signals:
                if await to_thread.run_sync(find, location) is None:
                    write(location, running)
                sys.stderr.write(f"qmd-mcp: serving {url_of(listener)}\n")
                sys.stderr.flush()
                async for _ in signals:
                    break
            remove(location, running)
            for number in ENDING:
                signal.signal(number, signal.SIG_DFL)
            server.should_exit = True
            await traffic.end(grace_seconds=settings.grace_seconds)

        async with anyio.create_task_group() as group:
            group.start_soon(stop)
            await server.serve(sockets=[listener])
            ended.set()
            group.cancel_scope.cancel()


def url_of(listener: socket.socket) -> str:
    """Where a socket listens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _local(url: str) -> str:
    """How this machine reaches a server that listens on every address."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


@contextmanager
def bound(settings: Settings) -> Generator[socket.socket]:
    """A socket that listens where the settings say.

    Its protocol is named: of a socket without one, asyncio delays small answers by 40 ms.

    Raises:
        SettingsError: it cannot.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )[0]
    except OSError as error:
        raise _not_served(settings, error) from error
    with socket.socket(family, kind, protocol) as listener:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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


def _leave_at_once(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)
