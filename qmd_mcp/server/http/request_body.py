"""The body of a request: read as one message, or refused because it is too large or comes too slowly."""

from __future__ import annotations

import json

import anyio
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from qmd_mcp.server.http.access import Refusal
from qmd_mcp.server.http.crowd import Crowd, peer_of

LINGERING_SECONDS = 5.0
"""How long the rest of a refused body is read, as long as nginx waits for one (its `lingering_timeout`)."""

FIRST_SECONDS = 10.0
"""How long the beginning of a body may take: three retransmissions on a line that loses packets (RFC 6298)."""

SLOWEST_BYTES_PER_SECOND = 16_384
"""The rate that a body must keep after its beginning: the longest query in one second. A body of the largest size that
is taken by default is there within 74 seconds, over a line of 131 kbit/s."""


class Bodies:
    """The bodies that are being read: bounded in number, in size and in time."""

    def __init__(self, *, max_bodies: int, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._max_bodies = max_bodies
        self._reading: Crowd[anyio.CancelScope] = Crowd()

    async def read(self, scope: Scope, receive: Receive) -> Message | Refusal:
        """Read the whole body as one message, which says so if the client has disconnected; or say why it is refused.

        When too many are being read at once, one gives way: the oldest of the client that sends most of them.
        """
        declared = Headers(scope=scope).get("content-length", "")
        largest = self.max_bytes
        if declared.isdecimal() and (len(declared) > len(str(largest)) or int(declared) > largest):
            return self._too_large()
        body = bytearray()
        began = anyio.current_time()
        with anyio.CancelScope(deadline=began + FIRST_SECONDS) as time:
            self._reading.add(time, peer=peer_of(scope.get("client")))
            try:
                if len(self._reading) > self._max_bodies and (slowest := self._reading.pop()) is not None:
                    slowest.cancel()
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return message
                    body += message.get("body", b"")
                    if len(body) > largest:
                        return self._too_large()
                    if not message.get("more_body", False):
                        return {"type": "http.request", "body": bytes(body), "more_body": False}
                    time.deadline = began + FIRST_SECONDS + len(body) / SLOWEST_BYTES_PER_SECOND
            finally:
                self._reading.remove(time)
        return Refusal(408, "The body of the request came too slowly. Send it again.")

    def give_up(self) -> None:
        """Refuse every body that is being read."""
        for time in self._reading:
            time.cancel()

    def _too_large(self) -> Refusal:
        return Refusal(413, f"The request is larger than the {self.max_bytes:,} bytes that are taken.")

    async def refuse(self, refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer why a body is refused; if it is too large, then read what the client still sends and throw it away.

        Many clients send the whole body before they read an answer. A socket that is closed with unread bytes resets
        the connection, and a reset can destroy an answer that the client has not read yet (RFC 9112, section 9.6).
        """
        answer = json.dumps({"error": refusal.sentence}).encode()
        headers = {"content-type": "application/json", "content-length": str(len(answer)), "connection": "close"}
        raw_headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": refusal.status, "headers": raw_headers})
        await send({"type": "http.response.body", "body": answer, "more_body": True})
        waits_for_leave = "expect" in Headers(scope=scope)  # to send, which reading would give
        if refusal.status == 413 and not waits_for_leave:  # noqa: PLR2004  HTTP's own
            with anyio.move_on_after(LINGERING_SECONDS):
                await self._discard(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _discard(self, receive: Receive) -> None:
        left = self.max_bytes
        while left > 0:
            message = await receive()
            if message["type"] != "http.request" or not message.get("more_body", False):
                return
            left -= len(message.get("body", b""))
