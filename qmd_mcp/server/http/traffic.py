"""Requests, calls and streams in progress: limited while the server runs, ended when it stops."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import parse_qs

import anyio
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qmd_mcp.errors import ServerBusyError
from qmd_mcp.server.http.request_body import read_body, refuse_body

RETRY_SECONDS = "1"
"""Seconds that a refused client is told to wait: without a reranker most queries end within a tenth of that."""

STREAMS = frozenset({"/sse", "/mcp"})
"""The paths whose GET stays open until the client disconnects."""

SETTLING_SECONDS = 0.2
"""The time in which the last answers travel through their streams to the clients."""

_SESSION = re.compile(rb"session_id=([0-9a-f]{32})")


class Traffic:
    """Counts requests, calls and streams in progress."""

    def __init__(self, *, max_requests: int, max_streams: int, idle_seconds: float) -> None:
        self.calls = 0
        """Calls of tools in progress, over every transport. During a call over SSE no HTTP request is in progress."""
        self._requests: set[anyio.CancelScope] = set()
        self._streams: set[anyio.CancelScope] = set()
        self._by_session: dict[str, anyio.CancelScope] = {}
        self._max_requests = max_requests
        self._max_streams = max_streams
        self._idle_seconds = idle_seconds
        self._quiet = anyio.Event()

    @property
    def requests(self) -> int:
        """The HTTP requests in progress without the streams, which only wait."""
        return len(self._requests)

    @property
    def streams(self) -> int:
        """The open streams."""
        return len(self._streams)

    @contextmanager
    def call(self) -> Generator[None]:
        """Count one call of a tool.

        Raises:
            ServerBusyError: too many are in progress.
        """
        if self.calls >= self._max_requests:
            raise ServerBusyError(self._max_requests)
        self.calls += 1
        try:
            yield
        finally:
            self.calls -= 1
            self._look()

    @contextmanager
    def request(self) -> Generator[anyio.CancelScope]:
        """Count one HTTP request that is no stream; its scope is cancelled when the server stops.

        Raises:
            ServerBusyError: too many are in progress.
        """
        try:
            with _one_of(self._requests, limit=self._max_requests) as life:
                yield life
        finally:
            self._look()

    @contextmanager
    def stream(self) -> Generator[anyio.CancelScope]:
        """Count one open stream; its scope is cancelled when the server stops.

        Raises:
            ServerBusyError: too many are open.
        """
        with _one_of(self._streams, limit=self._max_streams) as life:
            yield life

    def opened(self, session: str, life: anyio.CancelScope) -> None:
        """Note that a stream carries a session, so that the stream ends when the session has been idle for too long."""
        self._by_session[session] = life
        self.used(session)

    def closed(self, session: str) -> None:
        """Note that the stream of a session has ended."""
        self._by_session.pop(session, None)

    def used(self, session: str) -> None:
        """Note a message of a session, whose idle time begins anew."""
        if session in self._by_session:
            self._by_session[session].deadline = anyio.current_time() + self._idle_seconds

    async def end(self, *, grace_seconds: float) -> None:
        """Wait for requests and calls at most `grace_seconds`, then cancel everything; streams are not waited for."""
        with anyio.move_on_after(grace_seconds):
            while self._requests or self.calls:
                self._quiet = anyio.Event()
                await self._quiet.wait()
            if self._streams:
                await anyio.sleep(SETTLING_SECONDS)
        for life in (*self._requests, *self._streams):
            life.cancel()

    def _look(self) -> None:
        if not self._requests and not self.calls:
            self._quiet.set()


@contextmanager
def _one_of(lives: set[anyio.CancelScope], *, limit: int) -> Generator[anyio.CancelScope]:
    if len(lives) >= limit:
        raise ServerBusyError(limit)
    with anyio.CancelScope() as life:
        lives.add(life)
        try:
            yield life
        finally:
            lives.remove(life)


class Bounds:
    """Middleware that refuses too many requests or streams at once, and requests with too many bytes."""

    def __init__(self, app: ASGIApp, *, traffic: Traffic, max_body_bytes: int) -> None:
        self._app = app
        self._traffic = traffic
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reply = _Reply(send)
        try:
            if scope["method"] == "GET" and scope["path"] in STREAMS:
                with self._traffic.stream() as life:
                    await self._stream(scope, receive, reply, life)
            else:
                with self._traffic.request() as life:
                    await self._request(scope, receive, reply)
        except ServerBusyError as busy:
            wait = {"Retry-After": RETRY_SECONDS}
            await JSONResponse({"error": str(busy)}, status_code=503, headers=wait)(scope, receive, send)
        else:
            if life.cancelled_caught:
                await reply.end(scope, receive)

    async def _request(self, scope: Scope, receive: Receive, reply: Send) -> None:
        for session in parse_qs(scope["query_string"].decode("latin-1")).get("session_id", ()):
            self._traffic.used(session)
        body = await read_body(scope, receive, max_bytes=self._max_body_bytes)
        if body is None:
            await refuse_body(scope, receive, reply, max_bytes=self._max_body_bytes)
            return
        messages = [body]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, replay, reply)

    async def _stream(self, scope: Scope, receive: Receive, reply: Send, life: anyio.CancelScope) -> None:
        session: str | None = None

        async def watched(message: Message) -> None:
            """Read from the first event of an SSE stream which session it carries."""
            nonlocal session
            if scope["path"] == "/sse" and session is None:
                found = _SESSION.search(message.get("body", b""))
                if found:
                    session = found[1].decode()
                    self._traffic.opened(session, life)
            await reply(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            if session is not None:
                self._traffic.closed(session)


class _Reply:
    """Sends a response, and remembers whether it has begun and ended."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._begun = self._ended = False

    async def __call__(self, message: Message) -> None:
        self._begun = self._begun or message["type"] == "http.response.start"
        self._ended = self._ended or (message["type"] == "http.response.body" and not message.get("more_body", False))
        await self._send(message)

    async def end(self, scope: Scope, receive: Receive) -> None:
        """Finish a response that was cancelled."""
        if not self._begun:
            sentence = "The server is stopping."
            await JSONResponse({"error": sentence}, status_code=503)(scope, receive, self._send)
        elif not self._ended:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
