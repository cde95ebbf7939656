"""Requests, calls and streams in progress: limited while the server runs, ended when it stops."""

from __future__ import annotations

import math
import re
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import parse_qs

import anyio
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qmd_mcp.errors import ServerBusyError
from qmd_mcp.server.http.access import OPEN_TO_ALL, Refusal
from qmd_mcp.server.http.holdings import Holdings
from qmd_mcp.server.http.request_body import Bodies
from qmd_mcp.server.http.sessions import session_of

RETRY_SECONDS = "1"
"""Seconds that a refused client is told to wait: without a reranker most queries end within a tenth of that."""

STREAMS = frozenset({"/sse", "/mcp"})
"""The paths whose GET stays open until the client disconnects."""

SETTLING_SECONDS = 0.2
"""The time in which the last answers travel through their streams to the clients."""

_SESSION = re.compile(rb"session_id=([0-9a-f]{32})")


class Traffic:
    """Counts requests, calls and streams in progress."""

    def __init__(self, *, max_requests: int, max_streams: int, max_body_bytes: int, idle_seconds: float) -> None:
        self.calls = 0
        """Calls of tools in progress, over every transport. During a call over SSE no HTTP request is in progress."""
        self.bodies = Bodies(max_bodies=max_requests, max_bytes=max_body_bytes)
        """The bodies that are being read; a request is in progress once its body is there."""
        self._requests: set[anyio.CancelScope] = set()
        self._streams: Holdings[anyio.CancelScope] = Holdings()
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
        """Count one open stream; its scope is cancelled when the server stops, or when the stream makes room.

        Raises:
            ServerBusyError: too many are open, and all are in use.
        """
        if len(self._streams) >= self._max_streams:
            least_used = self._streams.least_used()
            if least_used is None:
                raise ServerBusyError(self._max_streams)
            self._streams.remove(least_used)
            least_used.cancel()
        with anyio.CancelScope() as life:
            self._streams.add(life)
            try:
                yield life
            finally:
                self._streams.remove(life)

    def opened(self, session: str, life: anyio.CancelScope) -> None:
        """Note which session a stream carries."""
        self._by_session[session] = life

    def expires(self, session: str) -> None:
        """Let the stream of a session end when the session has been idle for too long; the SDK does so for `/mcp`."""
        self._by_session[session].deadline = anyio.current_time() + self._idle_seconds

    def closed(self, session: str, life: anyio.CancelScope) -> None:
        """Note that the stream of a session has ended; another one may have taken its place."""
        if self._by_session.get(session) is life:
            del self._by_session[session]

    def used(self, session: str) -> None:
        """Note a message of a session, whose idle time begins anew."""
        life = self._by_session.get(session)
        if life is not None:
            self._streams.hear(life)
            if life.deadline < math.inf:
                self.expires(session)

    async def end(self, *, grace_seconds: float) -> None:
        """Wait for requests and calls at most `grace_seconds`, then cancel everything.

        Streams, and requests whose body is not there yet, are not waited for.
        """
        self.bodies.give_up()
        with anyio.move_on_after(grace_seconds):
            while self._requests or self.calls:
                self._quiet = anyio.Event()
                await self._quiet.wait()
            if len(self._streams):
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
    """Middleware that refuses too many requests or streams at once, and bodies that are too large or too slow.

    The health of the server is answered apart from these bounds: a server that is busy is not a server that is gone.
    """

    def __init__(self, app: ASGIApp, *, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on."""
        if scope["type"] != "http" or scope["path"] == OPEN_TO_ALL:
            await self._app(scope, receive, send)
            return
        reply = _Reply(send)
        try:
            if scope["method"] == "GET" and scope["path"] in STREAMS:
                with self._traffic.stream() as life:
                    await self._stream(scope, receive, reply, life)
            else:
                body = await self._traffic.bodies.read(scope, receive)
                if isinstance(body, Refusal):
                    await self._traffic.bodies.refuse(body, scope, receive, reply)
                    return
                if body["type"] != "http.request":
                    return  # the client has gone before its request was whole
                with self._traffic.request() as life:
                    await self._request(body, scope, receive, reply)
        except ServerBusyError as busy:
            wait = {"Retry-After": RETRY_SECONDS}
            await JSONResponse({"error": str(busy)}, status_code=503, headers=wait)(scope, receive, send)
        else:
            if life.cancelled_caught:
                await reply.end(scope, receive)

    async def _request(self, body: Message, scope: Scope, receive: Receive, reply: Send) -> None:
        for session in (*parse_qs(scope["query_string"].decode("latin-1")).get("session_id", ()), session_of(scope)):
            if session is not None:
                self._traffic.used(session)
        messages = [body]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, replay, reply)

    async def _stream(self, scope: Scope, receive: Receive, reply: Send, life: anyio.CancelScope) -> None:
        session = session_of(scope)
        if session is not None:
            self._traffic.opened(session, life)

        async def watched(message: Message) -> None:
            """Read from the first event of an SSE stream which session it carries."""
            nonlocal session
            if scope["path"] == "/sse" and session is None:
                found = _SESSION.search(message.get("body", b""))
                if found:
                    session = found[1].decode()
                    self._traffic.opened(session, life)
                    self._traffic.expires(session)
            await reply(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            if session is not None:
                self._traffic.closed(session, life)


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
            sentence = "The server is stopping, or it has too many clients. Try again."
            await JSONResponse({"error": sentence}, status_code=503)(scope, receive, self._send)
        elif not self._ended:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
