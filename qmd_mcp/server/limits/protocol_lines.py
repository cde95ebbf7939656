"""The lines of a conversation over standard input and output: bounded in length, and answered if they are malformed."""

from __future__ import annotations

import json

LONGEST_LINE = 4 * 1024 * 1024
"""Bytes of a line that are read, as many as the SDK takes over HTTP. The longest query needs 16 KB."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
"""JSON-RPC's codes for a line that is no JSON, and for JSON that is no message (JSON-RPC 2.0, section 5.1)."""

NO_JSON = f"The line is no JSON, or it is longer than the {LONGEST_LINE:,} bytes that are taken."
NO_MESSAGE = "The line is JSON and no message of JSON-RPC 2.0. Batches are not taken."


class BoundedLines:
    """Passes lines on in the chunks in which they come, and cuts those that are too long, which leaves no JSON."""

    def __init__(self, *, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._length = 0
        """The bytes so far of the line that has not ended yet."""

    def fit(self, chunk: bytes) -> bytes:
        """Return what of a chunk is passed on."""
        if self._length + len(chunk) <= self._longest:
            begun = chunk.rfind(b"\n") + 1
            self._length = len(chunk) - begun if begun else self._length + len(chunk)
            return chunk
        kept = bytearray()
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            kept += line[: max(self._longest - self._length, 0)] + b"\n"
            self._length = 0
        kept += rest[: max(self._longest - self._length, 0)]
        self._length += len(rest)
        return bytes(kept)


def complaint(line: bytes) -> bytes | None:
    """Return the answer to a line that is no message; None if it is one, as far as its outer form goes."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return _error(PARSE_ERROR, NO_JSON)
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return _error(INVALID_REQUEST, NO_MESSAGE)
    answer = "result" in message or "error" in message
    named = "id" not in message or (isinstance(message["id"], str | int) and not isinstance(message["id"], bool))
    if named and (answer if "method" not in message else isinstance(message["method"], str)):
        return None
    return _error(INVALID_REQUEST, NO_MESSAGE)


def _error(code: int, sentence: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": sentence}}).encode()
