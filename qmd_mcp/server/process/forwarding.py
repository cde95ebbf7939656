"""A conversation over standard input and output that another process answers."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import Any, BinaryIO, Protocol

from qmd_mcp.server.process.run_file import ANSWER_SECONDS, Running

ATTEMPTS = 3
"""Upstreams that may fail one after another before the conversation ends."""

ENDING_SECONDS = 0.9
"""For answers still to come when the input ends: clients send signals after two seconds."""

_REFUSED = -32600
"""JSON-RPC's number for a request that cannot be taken."""


class Upstream(Protocol):
    """Whoever answers."""

    def send(self, line: bytes) -> None:
        """Pass a message on.

        Raises:
            OSError: it is gone.
            RefusedError: it does not take this message.
        """
        ...

    def lines(self) -> Iterator[bytes]:
        """Its messages, until it is gone."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


class RefusedError(Exception):
    """A message that the upstream does not take, though it is well."""


class Server:
    """A running HTTP server, over SSE: its messages are the very lines of standard input and output."""

    def __init__(self, running: Running) -> None:
        """Begin a session.

        Raises:
            OSError: there is none to be had.
        """
        self._running = running
        self._posting = running.connection(timeout=ANSWER_SECONDS)
        self._listening = running.connection(timeout=ANSWER_SECONDS)
        try:
            self._listening.request("GET", "/sse", headers=running.headers())
            self._socket: socket.socket = self._listening.sock
            self._events = self._listening.getresponse()
            self._path = self._endpoint(self._events)
        except (HTTPException, ValueError) as error:
            self._listening.close()
            raise ConnectionError(str(error)) from error
        self._socket.settimeout(None)  # the next message comes when it comes

    def send(self, line: bytes) -> None:
        """Post it; once more on a new connection, if the old one was closed for its idleness."""
        headers = {"Content-Type": "application/json", **self._running.headers()}
        try:
            status, text = self._post(line, headers)
        except (OSError, HTTPException):
            self._posting.close()
            try:
                status, text = self._post(line, headers)
            except HTTPException as error:
                raise ConnectionError(str(error)) from error
        if status == 404:  # noqa: PLR2004  HTTP's own
            sentence = "the session has ended"
            raise ConnectionError(sentence)
        if status >= 400:  # noqa: PLR2004  HTTP's own
            raise RefusedError(_sentence(text))

    def lines(self) -> Iterator[bytes]:
        """The data of every message."""
        with suppress(OSError, HTTPException, ValueError, AttributeError):  # however a connection ends, also by us
            for event, data in _events(self._events):
                if event == b"message":
                    yield data

    def close(self) -> None:
        """End the session."""
        self._posting.close()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # to close it would wait for the thread that reads from it

    def _post(self, line: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        self._posting.request("POST", self._path, body=line, headers=headers)
        response = self._posting.getresponse()
        return response.status, response.read()

    @staticmethod
    def _endpoint(response: HTTPResponse) -> str:
        if response.status == 200:  # noqa: PLR2004  HTTP's own
            for event, data in _events(response):
                if event == b"endpoint":
                    return data.decode()
        sentence = f"no session: status {response.status}"
        raise ValueError(sentence)


class Child:
    """Our own program, alone, as a process of ours."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  ours

    def send(self, line: bytes) -> None:
        """Write it to its input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def lines(self) -> Iterator[bytes]:
        """The lines of its output."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield line.rstrip(b"\r\n")

    def close(self) -> None:
        """End its input, which ends it."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()


class Conversation:
    """Passes lines on; when whoever answers is gone, somebody else gets what is not answered yet.

    All that is asked only reads, so that asking again does no harm. A new upstream is first told what the client said
    when it introduced itself, and its answer to that is kept back.
    """

    def __init__(self, first: Upstream, *, connect: Callable[[], Upstream], output: BinaryIO) -> None:
        self._connect = connect
        self._output = output
        self._lock = threading.RLock()
        self._answered = threading.Condition(self._lock)
        self._waiting: dict[str, bytes] = {}
        self._introduction: list[bytes] = []
        self._kept_back: set[str] = set()
        self._ended = False
        self._upstream: Upstream | None = None
        self._adopt(first)

    def run(self, source: BinaryIO) -> None:
        """Pass on every line until the input ends, then wait a moment for the answers."""
        for line in source:
            stripped = line.strip()
            if stripped and not self._ended:
                with self._lock:
                    self._pass_on(stripped)
        with self._lock:
            self._answered.wait_for(lambda: not self._waiting or self._ended, timeout=ENDING_SECONDS)
            self._ended = True
            if self._upstream is not None:
                self._upstream.close()

    def _pass_on(self, line: bytes) -> None:
        message = _message(line)
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
        try:
            if self._upstream is not None:
                self._upstream.send(line)
                return
        except RefusedError as refused:
            self._refuse(message, key, str(refused))
            return
        except OSError:
            pass
        replayed = line in self._introduction or key is not None
        self._begin_again()
        if not replayed and self._upstream is not None:
            with suppress(OSError, RefusedError):
                self._upstream.send(line)

    def _begin_again(self) -> None:
        """Ask somebody else whatever is not answered yet; the lock is held."""
        for _ in range(ATTEMPTS):
            self._upstream = None
            with suppress(OSError):
                upstream = self._connect()
                self._adopt(upstream)
                for line in self._introduction:
                    key = _key(_message(line))
                    if key is None:
                        upstream.send(line)
                    elif key not in self._waiting:
                        self._kept_back.add(key)
                        upstream.send(line)
                for line in self._waiting.values():
                    upstream.send(line)
                return
        self._ended = True
        self._answered.notify_all()

    def _adopt(self, upstream: Upstream) -> None:
        self._upstream = upstream
        threading.Thread(target=self._listen, args=(upstream,), name="answers", daemon=True).start()

    def _listen(self, upstream: Upstream) -> None:
        for line in upstream.lines():
            with self._lock:
                if self._upstream is upstream:
                    self._deliver(line)
        with self._lock:
            if self._upstream is upstream and not self._ended:
                self._upstream = None
                if self._waiting:
                    self._begin_again()

    def _deliver(self, line: bytes) -> None:
        message = _message(line)
        key = _key(message) if "method" not in message else None
        if key in self._kept_back:
            self._kept_back.discard(key)
            return
        if key is not None:
            self._waiting.pop(key, None)
        self._write(line)

    def _refuse(self, message: dict[str, Any], key: str | None, sentence: str) -> None:
        if key is not None:
            self._waiting.pop(key, None)
            error = {"jsonrpc": "2.0", "id": message["id"], "error": {"code": _REFUSED, "message": sentence}}
            self._write(json.dumps(error).encode())

    def _write(self, line: bytes) -> None:
        try:
            self._output.write(line + b"\n")
            self._output.flush()
        except OSError:
            self._ended = True  # the client went away: nobody is left to tell
        self._answered.notify_all()


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _key(message: dict[str, Any]) -> str | None:
    return json.dumps(message["id"]) if isinstance(message.get("id"), str | int) else None


def _sentence(text: bytes) -> str:
    said = _message(text).get("error")
    return said if isinstance(said, str) else text.decode(errors="replace")


def _events(response: HTTPResponse) -> Iterator[tuple[bytes, bytes]]:
    """Name and data of every event of a stream."""
    event, data = b"message", list[bytes]()
    while line := response.readline():
        name, _, value = line.rstrip(b"\r\n").partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            event = value
        elif name == b"data":
            data.append(value)
        elif line in {b"\n", b"\r\n"}:
            if data:
                yield event, b"\n".join(data)
            event, data = b"message", []
