"""A real server that is flooded, and an honest client beside the flood."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from qmd_mcp.server.process.run_file import Running, find, run_file
from qmd_mcp.settings import IndexLocation
from tests.e2e.http_server import PATIENCE, PROJECT

USUAL_DESCRIPTORS = 1_024
"""How many files a process may open on most machines unless somebody has raised it."""

MARGIN_SECONDS = 2.0
"""How long an honest client waits for an answer while somebody floods the server."""


@dataclass(frozen=True, slots=True)
class Attacked:
    """A server in the background: where it is, and its log."""

    running: Running
    location: IndexLocation

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.running.url.removeprefix("http://").rpartition(":")
        return host, int(port)

    def logged(self) -> int:
        """How many bytes its log files have."""
        log = run_file(self.location).with_suffix(".log")
        return sum(each.stat().st_size for each in log.parent.glob(f"{log.name}*"))

    def ask(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> int:
        """Ask as an honest client does, which waits two seconds; the status of the answer."""
        connection = HTTPConnection(*self.address, timeout=MARGIN_SECONDS)
        try:
            content = {} if body is None else {"Content-Type": "application/json"}
            sent = {**self.running.headers(), **content, **(headers or {})}
            connection.request(method, path, body=None if body is None else json.dumps(body), headers=sent)
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def worst(self, seconds: float, method: str, path: str, body: object = None, **headers: str) -> float:
        """Ask again and again for some time; every answer must be 200. The longest that one took, in seconds."""
        worst = 0.0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.perf_counter()
            assert self.ask(method, path, body, headers) == 200
            worst = max(worst, time.perf_counter() - began)
        return worst


@contextmanager
def attacked(index: Path, *, descriptors: int = USUAL_DESCRIPTORS, **settings: object) -> Generator[Attacked]:
    """Start a real server in the background and stop it in the end."""
    location = IndexLocation(str(index))
    set_by_us = {f"QMD_{name.upper()}": str(value) for name, value in settings.items()}

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        whole = ["--index", str(index), *arguments]
        return subprocess.run(
            ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", sys.executable, "-m", "qmd_mcp", *whole],
            cwd=PROJECT,
            env={**os.environ, "QMD_PORT": "0", **set_by_us},
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
            check=False,
        )

    started = command("serve", "--http", "--daemon", "--no-refresh")
    assert started.returncode == 0, started.stderr
    try:
        running = find(location)
        assert running is not None
        connection = running.connection(timeout=PATIENCE)  # the first search waits until the engine is open
        headers = {**running.headers(), "Content-Type": "application/json"}
        connection.request("POST", "/search", body='{"query": "ready"}', headers=headers)
        assert connection.getresponse().status == 200
        connection.close()
        yield Attacked(running, location)
    finally:
        stopped = command("stop")
    assert stopped.stdout.startswith("Stopped process"), (stopped.stdout, stopped.stderr)


@contextmanager
def flood(kind: str, server: Attacked, count: int) -> Generator[None]:
    """Flood a server from another process."""
    host, port = server.address
    headers = [f"{name}: {value}" for name, value in server.running.headers().items()]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.security.server.flood", kind, host, str(port), str(count), *headers],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "flooding\n"
            yield
        finally:
            process.stdin.close()
            process.wait(PATIENCE)
