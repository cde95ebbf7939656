"""The life of an HTTP server process: its bounds, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.shared.exceptions import MCPError

from tests.e2e.http_server import PATIENCE, PROJECT, HttpServer, environment, http_server
from tests.fakes import HANGING, NOISE

pytestmark = pytest.mark.anyio

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "tests", "version": "0"}},
}
PING = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


async def _unheard(_progress: float, _total: float | None, _message: str | None) -> None:
    """Ask for progress, so that the server has somebody to tell."""


@asynccontextmanager
async def _asking(server: HttpServer, transport: str) -> AsyncGenerator[Callable[[str], Any]]:
    """Something that asks a query and gives its hits."""
    if transport == "REST":
        async with httpx2.AsyncClient(base_url=server.url, timeout=PATIENCE) as http:

            async def ask(query: str) -> Any:
                reply = await http.post("/query", json={"query": query})
                return reply.raise_for_status().json()["hits"]

            yield ask
        return
    reached = sse_client(f"{server.url}/sse") if transport == "SSE" else f"{server.url}/mcp"
    async with Client(reached, mode="legacy" if transport == "SSE" else "auto") as client:
        await client.list_tools()  # it would do so after the first call

        async def call(query: str) -> Any:
            answer = await client.call_tool("query", {"query": query}, progress_callback=_unheard)
            structured = answer.structured_content
            assert structured is not None
            return structured["hits"]

        yield call


@pytest.mark.parametrize(
    ("transport", "ending"), [("REST", signal.SIGTERM), ("streamable HTTP", signal.SIGINT), ("SSE", signal.SIGTERM)]
)
async def test_a_call_in_progress_is_answered_before_the_end(
    tmp_path: Path, transport: str, ending: signal.Signals
) -> None:
    """Nobody new is let in meanwhile; then the index is closed and the exit code is 0."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    answers: list[Any] = []

    async def keep(ask: Callable[[str], Any]) -> None:
        answers.append(await ask(f"read {pipe}"))

    with anyio.fail_after(PATIENCE), http_server("fake", tmp_path, structured="always") as server:
        async with _asking(server, transport) as ask, anyio.create_task_group() as calls:
            calls.start_soon(keep, ask)
            await anyio.to_thread.run_sync(server.says, HANGING)
            server.process.send_signal(ending)
            while _listens(server):
                await anyio.lowlevel.checkpoint()
            assert answers == []
            pipe.write_text("go on")
        code, stdout, stderr = await anyio.to_thread.run_sync(server.end)
    assert [hits[0]["docid"] for hits in answers] == ["#a1b2c3"]
    assert (code, stdout, stderr) == (0, NOISE, "")


@pytest.mark.parametrize("transport", ["REST", "SSE"])
async def test_a_call_that_outlasts_the_grace_is_given_up(tmp_path: Path, transport: str) -> None:
    """Its client hears of it; the exit code is 0 all the same."""
    failures: list[Exception] = []

    async def keep(ask: Callable[[str], Any]) -> None:
        try:
            await ask("hang")
        except (MCPError, httpx2.HTTPError) as error:
            failures.append(error)

    with anyio.fail_after(PATIENCE), http_server("fake", tmp_path, grace_seconds=0) as server:
        async with _asking(server, transport) as ask, anyio.create_task_group() as calls:
            calls.start_soon(keep, ask)
            await anyio.to_thread.run_sync(server.says, HANGING)
            server.process.terminate()
        code, stdout, _ = await anyio.to_thread.run_sync(server.end)
    assert (code, stdout, len(failures)) == (0, NOISE, 1)


@pytest.mark.parametrize("transport", ["REST", "streamable HTTP", "SSE"])
async def test_twenty_cancelled_calls_leave_nothing_on_standard_error(tmp_path: Path, transport: str) -> None:
    """Also where a stage ends after its call has been cancelled."""
    with anyio.fail_after(PATIENCE), http_server("fake", tmp_path, structured="always") as server:
        assert server.process.stderr is not None
        async with _asking(server, transport) as ask:
            for _ in range(20):
                async with anyio.create_task_group() as calls:
                    calls.start_soon(ask, "hang")
                    assert await anyio.to_thread.run_sync(server.process.stderr.readline) == HANGING
                    calls.cancel_scope.cancel()
            assert len(await ask("x")) == 2
        while "qmd_calls_in_progress 0.0" not in await anyio.to_thread.run_sync(_figures, server):
            pass  # bounded by the patience above
        server.process.terminate()
        assert await anyio.to_thread.run_sync(server.end) == (0, NOISE, "")


def test_an_idle_server_ends_at_once_and_closes_what_is_open(tmp_path: Path) -> None:
    with http_server("fake", tmp_path) as server, server.open("/sse") as stream:
        assert stream.readline() == b"event: endpoint\r\n"
        server.post("/search", {"query": "x"})
        server.process.terminate()
        assert server.end() == (0, NOISE, "")


def test_a_server_that_still_imports_ends_at_once(tmp_path: Path) -> None:
    with http_server("stuck", tmp_path) as server:
        assert server.get("/health").json["status"] == "opening"
        server.process.terminate()
        assert server.end()[0] == 0


def test_more_requests_than_the_limit_are_told_to_come_back(tmp_path: Path) -> None:
    """And a client that hangs up gives its place away: its call is cancelled."""
    with http_server("fake", tmp_path, max_requests=1) as server:
        with server.open("/documents/a1b2c3") as response:
            assert response.status == 200
        body = b'{"query": "hang"}'
        with socket.create_connection(server.address) as hanging:
            head = f"Host: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            hanging.sendall(b"POST /query HTTP/1.1\r\n" + head.encode() + body)
            server.says(HANGING)
            refused = server.get("/metrics")
            assert server.get("/health").status == 200  # which is answered apart from the limits
        sentence = "The server is busy: 1 requests are in progress. Try again in a second."
        assert (refused.status, refused.json) == (503, {"error": sentence})
        assert refused.headers["retry-after"] == "1"
        while server.get("/metrics").status == 503:
            pass  # bounded by the patience of each request


def test_calls_beyond_the_limit_are_refused_over_sse_as_well(tmp_path: Path) -> None:
    """There a request ends before its call does."""

    async def ask() -> tuple[bool, str]:
        connected = Client(sse_client(f"{server.url}/sse"), mode="legacy")
        async with connected as client, anyio.create_task_group() as calls:
            calls.start_soon(client.call_tool, "query", {"query": "hang"})
            await anyio.to_thread.run_sync(server.says, HANGING)
            refused = await client.call_tool("query", {"query": "x"})
            calls.cancel_scope.cancel()
        return bool(refused.is_error), str(refused.content)

    with http_server("fake", tmp_path, max_requests=1) as server:
        failed, said = anyio.run(ask)
    assert failed
    assert "The server is busy" in said


def test_a_stream_or_session_in_use_is_kept_and_a_newcomer_is_refused_until_it_ends(tmp_path: Path) -> None:
    with http_server("fake", tmp_path, max_sessions=1) as server:
        with server.open("/sse") as first:
            path = [first.readline(), first.readline().removeprefix(b"data: ").strip().decode()][1]
            for _ in range(3):
                assert server.post(path, PING).status == 202
            with server.open("/sse") as second:
                assert (second.status, second.getheader("Retry-After")) == (503, "1")
            session = {**ACCEPT, "Mcp-Session-Id": server.post("/mcp", INITIALIZE, ACCEPT).headers["mcp-session-id"]}
            for _ in range(2):
                assert server.post("/mcp", PING, session).status == 200
            assert server.post("/mcp", INITIALIZE, ACCEPT).status == 503
        status = 503
        while status == 503:
            with server.open("/sse") as third:
                status = third.status
        assert status == 200
        assert server.request("DELETE", "/mcp", headers=session).status == 200
        assert server.post("/mcp", INITIALIZE, ACCEPT).status == 200


def test_a_stream_or_session_that_was_only_opened_gives_way_to_a_new_one(tmp_path: Path) -> None:
    """So whoever only opens them locks nobody out."""
    with http_server("fake", tmp_path, max_sessions=1) as server:
        with server.open("/sse") as first, server.open("/sse") as second:
            assert (first.status, second.status) == (200, 200)
            assert first.read().count(b"event: ") == 1, "the first one ends"
        opened = [server.post("/mcp", INITIALIZE, ACCEPT) for _ in range(3)]
        assert [reply.status for reply in opened] == [200, 200, 200]
        sessions = [{**ACCEPT, "Mcp-Session-Id": reply.headers["mcp-session-id"]} for reply in opened]
        assert [server.post("/mcp", PING, session).status for session in sessions] == [404, 404, 200]


def test_a_session_without_a_message_is_closed(tmp_path: Path) -> None:
    """Over SSE its stream ends; over streamable HTTP its id is no longer known."""
    with http_server("fake", tmp_path, session_idle_seconds=0.2) as server:
        with server.open("/sse") as stream:
            assert stream.readline() == b"event: endpoint\r\n"
            assert b"session_id=" in stream.read()
        session = {**ACCEPT, "Mcp-Session-Id": server.post("/mcp", INITIALIZE, ACCEPT).headers["mcp-session-id"]}
        while (reply := server.post("/mcp", PING, session)).status == 200:
            anyio.run(anyio.sleep, 0.3)  # every message would begin the time anew
        assert reply.status == 404


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [sys.executable, "-m", "qmd_mcp", "--index", str(tmp_path), "serve", "--http"],
            cwd=PROJECT,
            env=environment(port=taken.getsockname()[1]),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "address already in use" in done.stderr


def _figures(server: HttpServer) -> str:
    return server.get("/metrics").text


def _listens(server: HttpServer) -> bool:
    try:
        socket.create_connection(server.address).close()
    except OSError:
        return False
    return True
