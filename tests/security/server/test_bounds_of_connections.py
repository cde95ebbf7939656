"""Connections that ask for nothing whole: they give way, they are cut off in time, and they fill no log."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.e2e.http_server import PATIENCE, PROJECT, HttpServer, environment, http_server
from tests.fakes import NOISE

HALF = b"POST /search HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
UNFINISHED = (
    b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
)
QUERY = {"query": "x"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Generator[HttpServer]:
    """One request and one stream at once, which makes eight connections."""
    with http_server("fake", tmp_path_factory.mktemp("index"), max_requests=1, max_sessions=1) as server:
        yield server


def _connected(server: HttpServer, text: bytes) -> socket.socket:
    connection = socket.create_connection(server.address, timeout=PATIENCE)
    connection.sendall(text)
    return connection


def _rest(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection, in order or not."""
    received = b""
    try:
        while chunk := connection.recv(65_536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize("text", [b"", HALF], ids=["nothing", "half a head"])
def test_half_open_connections_give_way_to_the_newest(small: HttpServer, text: bytes) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(closing(_connected(small, text))) for _ in range(20)]
        assert small.post("/search", QUERY).status == 200
        assert _rest(held[0]) == b""


def test_unfinished_bodies_give_way_to_the_newest(small: HttpServer) -> None:
    """The one that gives way is told so."""
    with closing(_connected(small, UNFINISHED)) as first, closing(_connected(small, UNFINISHED)):
        assert small.post("/search", QUERY).status == 200
        assert _rest(first).startswith(b"HTTP/1.1 408 ")


def test_a_request_in_progress_keeps_its_connection(tmp_path: Path) -> None:
    """However many connections are opened beside it."""
    with http_server("fake", tmp_path, max_requests=2, max_sessions=1) as server:
        with server.open("/sse") as stream:
            assert stream.readline() == b"event: endpoint\r\n"
            for _ in range(30):
                _connected(server, HALF).close()
            with ExitStack() as stack:
                for _ in range(30):
                    stack.enter_context(closing(_connected(server, HALF)))
                assert server.post("/search", QUERY).status == 200
            assert stream.readline().startswith(b"data: ")
        server.process.terminate()
        assert server.end() == (0, NOISE, "")


def test_aborted_uploads_and_malformed_requests_are_not_logged_one_by_one(tmp_path: Path) -> None:
    with http_server("fake", tmp_path) as server:
        for _ in range(50):
            _connected(server, UNFINISHED).close()
            with closing(_connected(server, b"\x16\x03\x01 no HTTP\r\n\r\n")) as malformed:
                assert _rest(malformed).startswith(b"HTTP/1.1 400 ")
        assert server.post("/search", QUERY).status == 200
        server.process.terminate()
        _, _, said = server.end()
    assert said.splitlines() == ["qmd-mcp: WARNING: Invalid HTTP request received."]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count file descriptors")
def test_a_server_with_too_few_file_descriptors_says_so_in_one_sentence(tmp_path: Path) -> None:
    arguments = ["--index", str(tmp_path), "serve", "--http"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", sys.executable, "-m", "qmd_mcp", *arguments],
        cwd=PROJECT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("qmd-mcp: This process may open only 64 files at once, and a server needs ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.attack
@pytest.mark.parametrize("slow", ["the head never ends", "the rest of a refused body trickles"])
def test_a_connection_that_sends_no_whole_request_is_closed_in_time(tmp_path: Path, slow: str) -> None:
    with http_server("fake", tmp_path) as server:
        text = HALF if slow == "the head never ends" else UNFINISHED.replace(b"localhost", b"foreign.example")
        with closing(_connected(server, text)) as connection:
            connection.settimeout(1)
            received = b""
            for _ in range(PATIENCE):
                try:
                    connection.sendall(b"x")
                    chunk = connection.recv(65_536)
                except TimeoutError:
                    continue
                except OSError:
                    break
                if not chunk:
                    break
                received += chunk
            else:
                pytest.fail("the connection is still open")
            assert received == b"" or received.startswith(b"HTTP/1.1 421 ")


@pytest.mark.attack
def test_a_body_that_trickles_is_refused(tmp_path: Path) -> None:
    with http_server("fake", tmp_path) as server, closing(_connected(server, UNFINISHED)) as connection:
        connection.settimeout(1)
        for _ in range(PATIENCE):
            try:
                answer = connection.recv(65_536)
                break
            except TimeoutError:
                connection.sendall(b" ")
        assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.attack
def test_a_client_that_never_reads_its_answers_is_cut_off(tmp_path: Path) -> None:
    """Its answers are not kept for ever."""
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with http_server("fake", tmp_path) as server, closing(_connected(server, request * 1_000)):
        for _ in range(PATIENCE):
            if "qmd_connections_open 1.0" in server.get("/metrics").text:
                break
            _wait()
        else:
            pytest.fail("the connection is still open")


def _wait() -> None:
    with closing(socket.socket()) as nobody, pytest.raises(TimeoutError):
        nobody.bind(("127.0.0.1", 0))
        nobody.listen()
        nobody.settimeout(1)
        nobody.accept()
