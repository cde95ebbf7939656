"""The sessions of streamable HTTP: bounded in number, of which an unused one makes room for a new one."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qmd_mcp.server.http.holdings import Holdings

ENDPOINT = "/mcp"
"""The path of streamable HTTP."""

_HEADER = "mcp-session-id"


def session_of(scope: Scope) -> str | None:
    """Return the session that a request or an answer belongs to by its header."""
    return Headers(scope=scope).get(_HEADER)


class Sessions:
    """Middleware that ends an unused session where the SDK would refuse a new one.

    The SDK keeps a session for half an hour after its last message, so that a client that only opens sessions would
    lock out everybody else. A session is ended in the way of the protocol, by DELETE; its client, if there is one, is
    answered with 404 when it comes back, and introduces itself anew.
    """

    def __init__(self, app: ASGIApp, *, max_sessions: int) -> None:
        self._app = app
        self._max_sessions = max_sessions
        self._sessions: Holdings[str] = Holdings()
        self._users: dict[str, object] = {}
        """Who has opened each session, since the SDK lets nobody else end it."""
        self._opening = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note what the request does with its session."""
        if scope["type"] != "http" or scope["path"] != ENDPOINT:
            await self._app(scope, receive, send)
            return
        session = session_of(scope)
        if session is None:
            await self._open(scope, receive, send)
        elif scope["method"] == "GET":  # a stream that stays open is no sign of use
            await self._app(scope, receive, send)
        else:
            await self._use(session, scope, receive, send)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                session = Headers(raw=message["headers"]).get(_HEADER)
                if session is not None and message["status"] < 400:  # noqa: PLR2004  HTTP's own
                    self._sessions.add(session, messages=1)
                    self._users[session] = scope.get("user")
            await send(message)

        while len(self._sessions) + self._opening >= self._max_sessions and await self._make_room():
            pass
        self._opening += 1
        try:
            await self._app(scope, receive, watched)
        finally:
            self._opening -= 1

    async def _use(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 404:  # noqa: PLR2004  HTTP's own
                self._forget(session)  # the SDK has ended it
            await send(message)

        self._sessions.hear(session)
        self._sessions.occupy(session)
        try:
            await self._app(scope, receive, watched)
        finally:
            self._sessions.release(session)
            if scope["method"] == "DELETE":
                self._forget(session)

    async def _make_room(self) -> bool:
        """End the session that is used least; return whether there was one."""
        session = self._sessions.least_used()
        if session is None:
            return False
        user = self._forget(session)
        headers = [(b"host", b"localhost"), (_HEADER.encode(), session.encode())]
        scope: Scope = {
            "type": "http",
            "method": "DELETE",
            "path": ENDPOINT,
            "raw_path": ENDPOINT.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "client": None,
            "server": None,
            "scheme": "http",
            "http_version": "1.1",
            "user": user,
        }
        await self._app(scope, _no_body, _unheard)
        return True

    def _forget(self, session: str) -> object:
        self._sessions.remove(session)
        return self._users.pop(session, None)


async def _no_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _unheard(_message: Message) -> None:
    pass
