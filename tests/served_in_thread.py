"""The whole HTTP side over an index, in a thread of the tests: what a process would take seconds to import is there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal

import anyio
import uvicorn

from qmd_mcp.application.engine import open_engine
from qmd_mcp.application.engine_protocols import Engine, OpenEngine
from qmd_mcp.domain.figures import Figures
from qmd_mcp.presentation.disclosure import NoPaths
from qmd_mcp.server.clients.audit_file import AuditFile, NoAudit, audit_of
from qmd_mcp.server.clients.own_token import with_token
from qmd_mcp.server.clients.proof import ServerIdentity
from qmd_mcp.server.clients.registered_clients import ClientTokens
from qmd_mcp.server.http.prometheus import Metrics
from qmd_mcp.server.http.traffic import Traffic
from qmd_mcp.server.http.web_application import web_application
from qmd_mcp.server.mcp.mcp_application import Application
from qmd_mcp.server.mcp.tools import Tools
from qmd_mcp.server.process.http_process import bound, url_of
from qmd_mcp.server.process.served_application import served
from qmd_mcp.settings import IndexLocation, Settings

PATIENCE = 60
"""Seconds that any step may take on a busy machine."""

SECRET = "what the run file would hold"
"""By which the server proves its identity."""


def load_real() -> OpenEngine:
    """The engine of the product."""
    return open_engine


class Started(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self.listens.set()


class Described(Application):
    """Says when clients are told what is indexed."""

    def __init__(self, tools: Tools, *, audit: AuditFile | NoAudit, described: anyio.Event) -> None:
        super().__init__(tools, audit=audit)
        self._told = described

    async def describe(self, engine: Engine, *, contexts: Literal["with", "without"]) -> None:
        """Describe the index."""
        await super().describe(engine, contexts=contexts)
        self._told.set()


@contextmanager
def served_in_thread(
    settings: Settings, location: IndexLocation, *, load: Callable[[], OpenEngine] = load_real
) -> Generator[str]:
    """Serve an index until the end; yields the URL once the index is open and described to clients."""
    ready, urls, ended = threading.Event(), list[str](), threading.Event()

    async def serve() -> None:
        traffic = Traffic(max_requests=100, max_streams=100, max_body_bytes=1_000_000, idle_seconds=600)
        described = anyio.Event()
        chosen = with_token(settings, location)
        async with served(
            chosen,
            location,
            refresh=False,
            load=load,
            unasked_after=0,
            build=lambda _host, engine: Described(
                Tools(engine, NoPaths()), audit=audit_of(chosen.audit), described=described
            ),
        ) as serving:
            with bound(chosen) as listener:
                metrics = Metrics()
                metrics.follow(Figures)
                web = web_application(
                    serving.application,
                    settings=chosen,
                    traffic=traffic,
                    metrics=metrics,
                    state=lambda: serving.host.state,
                    identity=ServerIdentity(url_of(listener), SECRET),
                    clients=ClientTokens(location),
                )
                server = Started(uvicorn.Config(web, log_config=None, access_log=False))
                async with anyio.create_task_group() as group:
                    group.start_soon(server.serve, [listener])
                    await server.listens.wait()
                    await described.wait()
                    urls.append(url_of(listener))
                    ready.set()
                    await anyio.to_thread.run_sync(ended.wait)
                    server.should_exit = True
                    await traffic.end(grace_seconds=0)

    def run() -> None:
        try:
            anyio.run(serve)
        finally:
            ready.set()  # nobody waits for a server that has failed

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        assert urls
        yield urls[0]
    finally:
        ended.set()
        thread.join()
