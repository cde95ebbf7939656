"""A conversation over standard input and output that another process answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from qmd_mcp.server.limits.protocol_lines import INVALID_REQUEST, complaint
from qmd_mcp.server.process.upstream import RefusedError, Upstream

ATTEMPTS = 3
"""How many upstreams in a row may fail without answering a request before the waiting requests get an error."""

ENDING_SECONDS = 0.9
"""How long answers may still come after the input has ended: clients send signals after two seconds."""

NO_UPSTREAM = (
    "The server that answered this client has ended and another could not be started. Look at the client's log of "
    "qmd-mcp, then try again."
)

_INTERNAL_ERROR = -32603
"""JSON-RPC's code for a request that could not be answered."""


class Conversation:
    """Passes the client's messages on to an upstream and the upstream's messages back.

    When the upstream is gone, a successor gets every request that has not been answered yet; asking again does no harm
    because every tool only reads. A successor is first sent what the client said when it introduced itself, and its
    answer to that is held back because the client already has one.
    """

    def __init__(
        self,
        first: Upstream,
        *,
        connect: Callable[[], Upstream],
        output: BinaryIO,
        ending_seconds: float = ENDING_SECONDS,
    ) -> None:
        """Begin with the `first` upstream; `connect` finds or starts a successor and may raise OSError."""
        self._connect = connect
        self._output = output
        self._ending_seconds = ending_seconds
        self._lock = threading.RLock()
        self._answered = threading.Condition(self._lock)
        self._waiting: dict[str, bytes] = {}
        """The requests that have not been answered, by id and in the order in which they came."""
        self._introduction: list[bytes] = []
        self._held_back: set[str] = set()
        """The ids of the introduction that the present upstream answers a second time."""
        self._attempts = 0
        """How many successors have been tried since a request was last answered."""
        self._ended = False
        self._upstream: Upstream | None = None
        self._adopt(first)

    def run(self, source: BinaryIO) -> None:
        """Pass on every line until the input ends, then wait a moment for the answers."""
        for line in source:
            stripped = line.strip()
            if stripped and not self._ended:
                answer = complaint(stripped)
                with self._lock:
                    if answer is None:
                        self._pass_on(stripped)
                    else:
                        self._write(answer)
        with self._lock:
            self._answered.wait_for(lambda: not self._waiting or self._ended, timeout=self._ending_seconds)
            self._ended = True
            self._abandon()

    def _pass_on(self, line: bytes) -> None:
        message = _message(line)
        repeated = self._remember(message, line)
        if self._upstream is not None:
            try:
                self._send(self._upstream, line)
            except OSError:
                pass
            else:
                return
        self._succeed()
        if not repeated and self._upstream is not None:
            with suppress(OSError):  # the thread that listens will notice that this upstream is gone, too
                self._send(self._upstream, line)

    def _remember(self, message: dict[str, Any], line: bytes) -> bool:
        """Keep what a successor must be told.

        Returns whether the line needs no sending after a change of upstreams: the successor gets it with the others,
        or it answers a request of the upstream that is gone.
        """
        method, key = message.get("method"), _key(message)
        if method == "initialize":
            self._introduction = [line]
        elif method == "notifications/initialized":
            self._introduction.append(line)
        elif method == "notifications/cancelled":
            params = message.get("params")
            self._waiting.pop(json.dumps(params.get("requestId")) if isinstance(params, dict) else "", None)
        if key is not None and method is not None:
            self._waiting[key] = line
        return key is not None or line in self._introduction

    def _send(self, upstream: Upstream, line: bytes) -> None:
        """Send one line; a request that the upstream refuses is answered with an error.

        Raises:
            OSError: the upstream is gone.
        """
        try:
            upstream.send(line)
        except RefusedError as refusal:
            self._fail(_message(line), str(refusal), code=INVALID_REQUEST)

    def _succeed(self) -> None:
        """Give the introduction and every waiting request to a successor; the lock is held."""
        self._abandon()
        while self._attempts < ATTEMPTS:
            self._attempts += 1
            try:
                upstream = self._connect()
            except OSError:
                continue
            self._adopt(upstream)
            try:
                self._introduce(upstream)
                for line in tuple(self._waiting.values()):
                    if line not in self._introduction:
                        self._send(upstream, line)
            except (OSError, RefusedError):  # a successor that refuses the introduction has no session for us
                self._abandon()
            else:
                return
        self._attempts = 0
        for line in tuple(self._waiting.values()):
            self._fail(_message(line), NO_UPSTREAM, code=_INTERNAL_ERROR)

    def _introduce(self, upstream: Upstream) -> None:
        self._held_back = {
            key for line in self._introduction if (key := _key(_message(line))) is not None and key not in self._waiting
        }
        for line in self._introduction:
            upstream.send(line)

    def _adopt(self, upstream: Upstream) -> None:
        self._upstream = upstream
        threading.Thread(target=self._listen, args=(upstream,), name="answers", daemon=True).start()

    def _abandon(self) -> None:
        """Close the present upstream; whatever it still says is not delivered."""
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.close()

    def _listen(self, upstream: Upstream) -> None:
        for line in upstream.lines():
            with self._lock:
                if self._upstream is upstream:
                    self._deliver(line)
        with self._lock:
            if self._upstream is upstream and not self._ended:
                if self._waiting:
                    self._succeed()
                else:
                    self._abandon()

    def _deliver(self, line: bytes) -> None:
        message = _message(line)
        key = _key(message) if "method" not in message else None
        if key in self._held_back:
            self._held_back.discard(key)
            return
        if key is not None:
            if self._waiting.pop(key, None) is None:
                return  # answered before: an upstream that was slow to accept a message may have received it twice
            self._attempts = 0
        self._write(line)

    def _fail(self, message: dict[str, Any], sentence: str, *, code: int) -> None:
        """Answer a request with an error; a notification gets no answer."""
        key = _key(message)
        if key is not None and self._waiting.pop(key, None) is not None:
            error = {"code": code, "message": sentence}
            self._write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": error}).encode())

    def _write(self, line: bytes) -> None:
        try:
            self._output.write(line + b"\n")
            self._output.flush()
        except OSError:
            self._ended = True  # the client is gone, so that nobody can be told
        self._answered.notify_all()


def _message(line: bytes) -> dict[str, Any]:
    """Parse a line; what is no JSON object is an empty message."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _key(message: dict[str, Any]) -> str | None:
    """Return the id of a request or an answer as JSON, so that 1 and "1" differ."""
    return json.dumps(message["id"]) if isinstance(message.get("id"), str | int) else None
