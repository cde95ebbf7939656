"""The connections of the HTTP server: bounded in number, and in how long each may let the server wait."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from qmd_mcp.server.http.crowd import Crowd, peer_of

QUIET_SECONDS = 10.0
"""How long a connection may take to send the head of a request, and how long a client may read nothing of its answer.

An honest head comes in one packet. Apache's mod_reqtimeout gives 20 seconds, and a client behind a line that loses
packets needs at most three retransmissions, after 1, 3 and 7 seconds (RFC 6298)."""

SHED_AT_ONCE = 64
"""How many waiting connections are closed when the process has no file descriptor left for something else."""


class Connections:
    """All connections of a server.

    When there are too many, one on which no whole request has arrived gives way. A connection whose request is being
    answered, and a stream, are never closed for another one.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._open: set[BoundedProtocol] = set()
        self._waiting: Crowd[BoundedProtocol] = Crowd()

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, connection: BoundedProtocol) -> bool:
        return connection in self._open

    def made(self, connection: BoundedProtocol) -> None:
        """Take a new connection in, which waits for its first request."""
        self._open.add(connection)
        self.waits(connection)
        while len(self._open) > self._limit and self._drop_one():
            pass

    def lost(self, connection: BoundedProtocol) -> None:
        """Forget a connection that is closed."""
        self._open.discard(connection)
        self._waiting.remove(connection)

    def waits(self, connection: BoundedProtocol) -> None:
        """Note that no whole request is in progress on a connection."""
        if connection in self._open:
            self._waiting.add(connection, peer=peer_of(connection.client))

    def works(self, connection: BoundedProtocol) -> None:
        """Note that a whole request has arrived on a connection."""
        self._waiting.remove(connection)

    def shed(self) -> None:
        """Close some waiting connections, so that the process has file descriptors again."""
        for _ in range(SHED_AT_ONCE):
            if not self._drop_one():
                return

    def _drop_one(self) -> bool:
        connection = self._waiting.pop()
        if connection is None:
            return False
        self._open.discard(connection)
        connection.transport.abort()
        return True


class BoundedProtocol(H11Protocol):
    """One connection, as uvicorn has it, which is closed when it lets the server wait for too long.

    Uvicorn bounds only the time between two requests in which nothing at all arrives: a client that sends a part of a
    head, or one byte after a refused request, keeps its connection for ever, as does one that never reads its answer.
    """

    def __init__(self, *, open_connections: Connections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._others = open_connections
        self._timer: asyncio.TimerHandle | None = None
        self._unread = math.inf
        """The bytes of answers that the client had not read when it was last looked at."""
        self._paused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._others.made(self)
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        self._others.lost(self)
        self._disarm()

    def handle_events(self) -> None:
        """Read what has arrived, which may be a whole request."""
        super().handle_events()
        self._settle()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._settle()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._paused = True
        self._settle()

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        super().resume_writing()
        self._paused = False
        self._settle()

    @property
    def _idle(self) -> bool:
        """Whether no request is being answered; the rest of a body that was refused is none."""
        return self.cycle is None or self.cycle.response_complete

    def _settle(self) -> None:
        if self._idle or self.cycle.more_body:
            self._others.waits(self)
        else:
            self._others.works(self)
        if not self._idle and not self._paused:
            self._disarm()
        elif self._timer is None and self in self._others:
            self._timer = self.loop.call_later(QUIET_SECONDS, self._look)

    def _disarm(self) -> None:
        self._unread = math.inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Close the connection, unless its client still reads an answer."""
        self._timer = None
        unread = self.transport.get_write_buffer_size()
        if 0 < unread < self._unread:
            self._unread = unread
            self._settle()
        else:
            self.transport.abort()


def bounded_by(connections: Connections) -> type[BoundedProtocol]:
    """Return the class of the connections of one server, as uvicorn makes them."""

    class OfThisServer(BoundedProtocol):
        def __init__(self, **uvicorn: Any) -> None:
            super().__init__(open_connections=connections, **uvicorn)

    return OfThisServer
