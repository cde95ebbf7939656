"""Another user takes the port of a server that has ended, and waits for our token or answers in its place."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from qmd_mcp.server.clients.proof import ProvenConnection, ServerIdentity
from qmd_mcp.server.process import run_file
from qmd_mcp.server.process.operating_system import OPERATING_SYSTEM
from qmd_mcp.server.process.run_file import Running
from qmd_mcp.server.process.upstream import HttpUpstream
from qmd_mcp.settings import IndexLocation, read_settings
from tests.e2e.http_server import HttpServer
from tests.fakes import open_fake_engine
from tests.served_in_thread import SECRET, served_in_thread

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
    """A run file whose server has ended, and an impostor at its address under a process number that lives again."""
    location = IndexLocation(str(tmp_path / "index"))
    with served_in_thread(read_settings(port=0), location, load=lambda: open_fake_engine) as url:
        impostor = Impostor(HttpServer(url).get("/health").json)
    run_file.write(location, Running(pid=os.getpid(), url=impostor.url, token=TOKEN, secret=SECRET))
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


def listening(answer: Callable[[socket.socket], None]) -> tuple[socket.socket, threading.Thread]:
    """Take one connection and answer it in a way of one's own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    return listener, thread


def connected(listener: socket.socket, identity: ServerIdentity, *, timeout: float = 30) -> None:
    """Connect as our own program does."""
    connection = ProvenConnection(*listener.getsockname(), identity=identity, timeout=timeout)
    try:
        connection.connect()
    finally:
        connection.close()


def test_a_challenge_that_is_passed_on_to_the_living_server_proves_nothing_elsewhere(tmp_path: Path) -> None:
    """The proof is made for the address at which the server itself listens."""
    location = IndexLocation(str(tmp_path / "index"))
    with served_in_thread(read_settings(port=0), location, load=lambda: open_fake_engine) as url:
        server = urlsplit(url)

        def pass_on(connection: socket.socket) -> None:
            with socket.create_connection((server.hostname, server.port)) as onward:
                onward.sendall(connection.recv(65_536))
                connection.sendall(onward.recv(65_536))

        listener, thread = listening(pass_on)
        with listener, pytest.raises(ConnectionError, match="is not the server"):
            connected(listener, ServerIdentity(f"http://127.0.0.1:{listener.getsockname()[1]}", SECRET))
        thread.join()
        connection = ProvenConnection(
            str(server.hostname), server.port, identity=ServerIdentity(url, SECRET), timeout=30
        )
        connection.connect()
        connection.request("GET", "/documents/a1b2c3")
        assert connection.getresponse().status == 401
        connection.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"proof": 12}',
        b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"proof": "\xc3\xa9"}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b"[" * 9_999,
        b"x" * 100_000,
    ],
    ids=["nothing", "no length", "a list", "a number", "not ASCII", "nested", "endless"],
)
def test_whatever_a_stranger_answers_is_a_connection_error(answer: bytes) -> None:
    listener, thread = listening(lambda connection: (connection.recv(65_536), connection.sendall(answer))[1])
    with listener, pytest.raises(OSError, match=r".*"):
        connected(listener, ServerIdentity("http://127.0.0.1:1", "secret"))
    thread.join()


def test_a_stranger_that_answers_byte_by_byte_keeps_nobody_waiting() -> None:
    """The deadline holds for the whole answer."""
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not done.wait(0.01):
            connection.sendall(b"x")

    listener, thread = listening(drip)
    with listener, pytest.raises(TimeoutError):
        connected(listener, ServerIdentity("http://127.0.0.1:1", "secret"), timeout=0.3)
    done.set()
    thread.join()


def test_a_process_that_has_the_number_of_a_dead_server_is_not_the_server(tmp_path: Path) -> None:
    """`stop` would end it. A server that is too busy to answer is still found by its start time, and can be ended."""
    location = IndexLocation(str(tmp_path / "index"))
    started = OPERATING_SYSTEM.process_started(os.getpid())
    if started is None:
        pytest.skip("this system does not tell when a process began")
    silent = Running(pid=os.getpid(), url="http://127.0.0.1:9", token=TOKEN, secret=SECRET, started=started)
    run_file.write(location, silent)
    assert run_file.find_process(location) == silent
    assert run_file.find(location) is None
    run_file.write(location, replace(silent, started=started - 1))
    assert run_file.find_process(location) is None
    run_file.write(location, replace(silent, started=None))
    assert run_file.find_process(location) is None
