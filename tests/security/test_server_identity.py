"""Another user takes the port of a server that has ended, and waits for our token or answers in its place."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from qmd_mcp.server.process import run_file
from qmd_mcp.server.process.upstream import HttpUpstream
from qmd_mcp.settings import IndexLocation
from tests.e2e.http_server import http_server

TOKEN = "correct-horse"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))


@dataclass(slots=True)
class Impostor:
    """Takes connections, keeps what it is sent, and answers every request with what it once saw of the server."""

    health: dict[str, object]
    heard: list[bytes] = field(default_factory=list[bytes])
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        """Answer until the listener is closed."""
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(30)
                self.heard.append(connection.recv(65_536))
                body = json.dumps(self.health).encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@pytest.fixture
def left(tmp_path: Path) -> Generator[tuple[IndexLocation, Impostor]]:
    """A run file whose server was killed, and an impostor at its address under a process number that lives again."""
    location = IndexLocation(str(tmp_path / "index"))
    with http_server("fake", tmp_path / "index", token=TOKEN) as server:
        running = run_file.find(location)
        assert running is not None
        impostor = Impostor(server.get("/health").json)
        server.process.kill()
    run_file.write(location, replace(running, url=impostor.url, pid=os.getpid()))
    thread = threading.Thread(target=impostor.serve)
    thread.start()
    yield location, impostor
    impostor.listener.shutdown(socket.SHUT_RDWR)
    impostor.listener.close()
    thread.join()


def test_whoever_took_the_port_of_a_dead_server_is_not_taken_for_it_and_gets_no_token(
    left: tuple[IndexLocation, Impostor],
) -> None:
    """Even if it repeats whatever the server said to everybody."""
    location, impostor = left
    running = run_file.read(location)
    assert running is not None
    assert run_file.find(location) is None
    with pytest.raises(OSError, match=r".*"):
        HttpUpstream(running)
    assert TOKEN.encode() not in b"".join(impostor.heard)
