"""The body of a request: read as one message, or refused because it is too large."""

from __future__ import annotations

import json

import anyio
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

LINGERING_SECONDS = 5.0
"""How long the rest of a refused body is read, as long as nginx waits for one (its `lingering_timeout`)."""


async def read_body(scope: Scope, receive: Receive, *, max_bytes: int) -> Message | None:
    """Read the whole body as one message; None if it has more than `max_bytes`, or says so."""
    declared = Headers(scope=scope).get("content-length", "")
    if declared.isdecimal() and (len(declared) > len(str(max_bytes)) or int(declared) > max_bytes):
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return message
        body += message.get("body", b"")
        if len(body) > max_bytes:
            return None
        if not message.get("more_body", False):
            return {"type": "http.request", "body": bytes(body), "more_body": False}


async def refuse_body(scope: Scope, receive: Receive, send: Send, *, max_bytes: int) -> None:
    """Answer with 413, then read what the client still sends, up to `max_bytes`, and throw it away.

    Many clients send the whole body before they read an answer. A socket that is closed with unread bytes resets the
    connection, and a reset can destroy an answer that the client has not read yet (RFC 9112, section 9.6).
    """
    sentence = f"The request is larger than the {max_bytes:,} bytes that are taken."
    answer = json.dumps({"error": sentence}).encode()
    headers = {"content-type": "application/json", "content-length": str(len(answer)), "connection": "close"}
    raw_headers = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 413, "headers": raw_headers})
    await send({"type": "http.response.body", "body": answer, "more_body": True})
    if "expect" not in Headers(scope=scope):  # such a client waits for leave to send, which reading would give
        with anyio.move_on_after(LINGERING_SECONDS):
            await _discard(receive, max_bytes)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive, max_bytes: int) -> None:
    left = max_bytes
    while left > 0:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        left -= len(message.get("body", b""))
