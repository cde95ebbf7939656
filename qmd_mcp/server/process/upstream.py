"""The processes that can answer a forwarded conversation: a running HTTP server, or our own program as a child."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import Protocol

from qmd_mcp.server.process.run_file import Running


class Upstream(Protocol):
    """A process that takes the lines of an MCP client and writes lines back."""

    def send(self, line: bytes) -> None:
        """Pass one message of the client on.

        Raises:
            OSError: the upstream is gone.
            RefusedError: the upstream works but does not take this message.
        """
        ...

    def lines(self) -> Iterator[bytes]:
        """Yield the messages of the upstream until it is gone."""
        ...

    def close(self) -> None:
        """Tell the upstream that no more messages will come."""
        ...


class RefusedError(Exception):
    """The upstream works but does not take this message, for instance because it is busy or the message is too long."""


class HttpUpstream:
    """A running HTTP server, reached over SSE; its messages are the lines that standard input and output carry."""

    def __init__(self, running: Running) -> None:
        """Begin a session.

        Raises:
            OSError: the server begins no session.
        """
        self._running = running
        self._posting = running.connection()
        self._listening = running.connection()
        try:
            self._listening.request("GET", "/sse", headers=running.headers())
            self._socket: socket.socket = self._listening.sock
            self._events = self._listening.getresponse()
            self._path = self._endpoint(self._events)
        except (HTTPException, ValueError) as error:
            self._listening.close()
            raise ConnectionError(str(error)) from error
        self._socket.settimeout(None)  # any time may pass before the next message comes

    def send(self, line: bytes) -> None:
        """Post the message; if the server has closed the idle connection, post it once more on a new one."""
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
        """Yield the data of every message event."""
        with suppress(OSError, HTTPException, ValueError, AttributeError):  # the ways in which a connection ends
            for event, data in _events(self._events):
                if event == b"message":
                    yield data

    def close(self) -> None:
        """End the session.

        The listening socket is shut down, not closed: closing it would wait for the thread that reads from it.
        """
        self._posting.close()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

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


class ChildUpstream:
    """Our own program as a child process, which answers by itself."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  ours

    def send(self, line: bytes) -> None:
        """Write the message to the standard input of the child."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the child's standard output."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            yield line.rstrip(b"\r\n")

    def close(self) -> None:
        """Close the standard input of the child, which makes it end."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()


def _sentence(text: bytes) -> str:
    """Return the `error` of a JSON body, or the body itself if it has none."""
    with suppress(ValueError, RecursionError):
        body = json.loads(text)
        if isinstance(body, dict) and isinstance(body.get("error"), str):
            return str(body["error"])
    return text.decode(errors="replace")


def _events(response: HTTPResponse) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the data of every event of an SSE stream."""
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
