"""A real HTTP server process, asked with nothing between that could mend a request."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PROJECT = Path(__file__).parents[2]
PATIENCE = 30
"""Seconds that any step may take on a busy machine."""

ANNOUNCEMENT = "qmd-mcp: serving "


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class HttpServer:
    """Where a server listens, and its process."""

    url: str
    running: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process, if it is one of its own."""
        assert self.running is not None
        return self.running

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET a path exactly as it is written."""
        return self.request("GET", path, headers=headers)

    def post(self, path: str, arguments: object, headers: Mapping[str, str] | None = None) -> Reply:
        """POST arguments as JSON."""
        body = json.dumps(arguments).encode()
        return self.request("POST", path, body=body, headers={"Content-Type": "application/json", **(headers or {})})

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request on a connection of its own."""
        connection = HTTPConnection(*self.address, timeout=PATIENCE)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read().decode())
        finally:
            connection.close()

    @contextmanager
    def open(self, path: str, headers: Mapping[str, str] | None = None) -> Generator[HTTPResponse]:
        """GET a path whose answer goes on; its connection closes at the end."""
        connection = HTTPConnection(*self.address, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            yield connection.getresponse()
        finally:
            connection.close()

    def says(self, line: str) -> None:
        """Wait until the process says a line on standard error."""
        assert self.process.stderr is not None
        while (said := self.process.stderr.readline()) != line:
            assert said, f"the server ended before it said {line!r}"

    def end(self) -> tuple[int, str, str]:
        """Exit code, and what was still said on standard output and standard error."""
        stdout, stderr = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, stdout, stderr


def environment(**settings: object) -> dict[str, str]:
    """Ours with settings in it."""
    return {**os.environ, "QMD_PORT": "0", **{f"QMD_{name.upper()}": str(value) for name, value in settings.items()}}


@contextmanager
def http_server(kind: str, index: Path, **settings: object) -> Generator[HttpServer]:
    """Start a server over an index with the fake, the stuck or the real engine, and end it.

    It asks for a token only if one is given, or with `no_token=""`.
    """
    settings = settings if "token" in settings else {"no_token": True, **settings}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.http_process", kind, str(index)],
        cwd=PROJECT,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            line = ""
            while not line.startswith(ANNOUNCEMENT):
                line = process.stderr.readline()
                assert line, "the server ended before it served"
            yield HttpServer(line.removeprefix(ANNOUNCEMENT).strip(), process)
        finally:
            if process.poll() is None:
                process.kill()
