"""A server process that goes on while another process gives the index another embedder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

import anyio
import anyio.to_thread
import pytest
from mcp import Client, StdioServerParameters

from qmd_mcp.application.engine import open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.settings import IndexLocation, Settings
from tests import tiny_embedder
from tests.e2e.http_server import PATIENCE, PROJECT, HttpServer, Reply, http_server

MODES = ("search", "vsearch", "query")
PAGES = 40
SWITCHING_SECONDS = 4 * PATIENCE
"""For indexing anew and for the server to look at what has changed."""


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Pages about zeppelins under an embedder of 32 dimensions."""
    folder, index = tmp_path / "pages", tmp_path / "index"
    folder.mkdir()
    for number in range(PAGES):
        (folder / f"{number}.md").write_text(f"# Page {number}\n\nThe page speaks of zeppelins, number {number}.\n")
    tiny = Settings(embedder=str(tiny_embedder.write_model(tmp_path / "tiny")))

    async def build() -> None:
        async with open_engine(tiny, IndexLocation(str(index)), create=True) as engine:
            await engine.writing.add_collection(Collection("pages", folder, ("**/*.md",)))
            await engine.writing.update()

    anyio.run(build)
    return index


def rebuild(index: Path) -> subprocess.CompletedProcess[str]:
    """As a person would, in another process."""
    return subprocess.run(
        [sys.executable, "-m", "qmd_mcp", "--index", str(index), "update", "--embedder", "mini"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SWITCHING_SECONDS,
    )


def vectors_of(server: HttpServer) -> int:
    """Dimensions of the embedder that the server searches with."""
    envelope = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "status", "_meta": envelope}}
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "status",
    }
    dimension: int = server.post("/mcp", message, headers).json["result"]["structuredContent"]["dimension"]
    return dimension


def found(answer: dict[str, Any]) -> int:
    """Pages that an answer has; `query` joins pages that say nearly the same."""
    return sum(1 + len(hit["also"]) for hit in answer["hits"])


def test_an_http_server_follows_and_fails_no_call(index: Path) -> None:
    """It answers from the old embedder's vectors until the new one's serve; the process stays the same."""
    replies: list[Reply] = []
    enough = Event()

    def ask() -> list[Reply]:
        return [server.post(f"/{mode}", {"query": "zeppelins", "limit": PAGES}) for mode in MODES]

    def keep_asking() -> None:
        while not enough.is_set():
            replies.extend(ask())

    with http_server("real", index, refresh_seconds=3600, structured="always") as server:
        assert vectors_of(server) == 32
        client = Thread(target=keep_asking)
        client.start()
        try:
            done = rebuild(index)
            deadline = monotonic() + SWITCHING_SECONDS
            while vectors_of(server) != 384:
                assert monotonic() < deadline, "the server does not follow"
        finally:
            enough.set()
            client.join()
        replies += ask()
        assert server.process.poll() is None
    assert done.returncode == 0
    assert {reply.status for reply in replies} == {200}
    assert {found(reply.json) for reply in replies} == {PAGES}


@pytest.mark.anyio
async def test_a_stdio_server_follows(index: Path) -> None:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "tests.e2e.stdio_process", "real", str(index), "alone"],
        cwd=PROJECT,
        env={"QMD_STRUCTURED": "always"},
    )
    with anyio.fail_after(SWITCHING_SECONDS):
        async with Client(parameters) as client:

            async def answer(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
                result = await client.call_tool(tool, arguments)
                assert not result.is_error
                assert result.structured_content is not None
                return result.structured_content

            async def ask(mode: str) -> int:
                return found(await answer(mode, {"query": "zeppelins", "limit": PAGES}))

            assert (await answer("status", {}))["dimension"] == 32
            assert (await anyio.to_thread.run_sync(rebuild, index)).returncode == 0
            while (await answer("status", {}))["dimension"] == 32:
                assert await ask("vsearch") == PAGES
            assert [await ask(mode) for mode in MODES] == [PAGES] * len(MODES)
