"""One real server process, over standard input and output."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import anyio
import pytest
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent

from qmd_mcp.application.engine import open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.settings import locate_index, read_settings
from tests.e2e.stdio_process import LOADING
from tests.fakes import CANCELLED, HANGING, NOISE

pytestmark = pytest.mark.anyio

PROJECT = Path(__file__).parents[3]
PATIENCE = 30
"""Seconds that any step may take on a busy machine."""

INITIALIZE = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "tests", "version": "0"}}


def command(kind: str, index: Path) -> list[str]:
    """Start a server over an index with the fake, the stuck or the real engine."""
    return [sys.executable, "-m", "tests.e2e.stdio_process", kind, str(index)]


def _parameters(kind: str, index: Path, **environment: str) -> StdioServerParameters:
    program, *arguments = command(kind, index)
    return StdioServerParameters(command=program, args=arguments, cwd=PROJECT, env=environment)


def _text(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def _line(number: int, method: str, params: Mapping[str, Any] | None = None) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}).encode() + b"\n"


class Conversation:
    """Raw lines to and from a process, so that nothing between hides what it writes."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.stdin = process.stdin
        self.stdout = BufferedByteReceiveStream(process.stdout)
        self.stderr = BufferedByteReceiveStream(process.stderr)

    async def begin(self) -> Self:
        """The handshake and the list of tools."""
        await self.request(1, "initialize", INITIALIZE)
        await self.stdin.send(b'{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
        await self.request(2, "tools/list")
        return self

    async def ask(self, number: int, method: str, params: Mapping[str, Any] | None = None) -> None:
        """A request, without waiting for its answer."""
        await self.stdin.send(_line(number, method, params))

    async def request(self, number: int, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A request and its answer, which must be the next line."""
        await self.ask(number, method, params)
        answer = json.loads(await self.stdout.receive_until(b"\n", 1_000_000))
        assert answer["id"] == number
        result: dict[str, Any] = answer["result"]
        return result

    async def end(self) -> tuple[int, bytes, bytes]:
        """Exit code and whatever was still to be read from standard output and standard error."""
        rest: dict[str, bytes] = {}

        async def drain(name: str, stream: BufferedByteReceiveStream) -> None:
            rest[name] = stream.buffer + b"".join([chunk async for chunk in stream.receive_stream])

        async with anyio.create_task_group() as drains:
            drains.start_soon(drain, "stdout", self.stdout)
            drains.start_soon(drain, "stderr", self.stderr)
        return await self.process.wait(), rest["stdout"], rest["stderr"]


@asynccontextmanager
async def _conversation(kind: str, index: Path) -> AsyncGenerator[Conversation]:
    with anyio.fail_after(PATIENCE):
        async with await anyio.open_process(command(kind, index), cwd=PROJECT) as process:
            try:
                yield await Conversation(process).begin()
            finally:
                if process.returncode is None:
                    process.kill()


@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("auto", "2026-07-28")])
async def test_a_client_of_either_era_finds_reads_and_is_corrected(mode: str, version: str, tmp_path: Path) -> None:
    """From discovery to the end of input."""
    with anyio.fail_after(PATIENCE):
        async with Client(_parameters("fake", tmp_path), mode=mode) as client:
            assert client.protocol_version == version
            assert len((await client.list_tools()).tools) == 6
            found = await client.call_tool("query", {"query": "promote"})
            assert "  #a1b2c3  " in _text(found)
            read = await client.call_tool("get_document", {"document": "#a1b2c3"})
            assert not read.is_error
            corrected = [
                await client.call_tool("search", {"q": "x"}),
                await client.call_tool("search", {"query": "x", "limit": "ten"}),
                await client.call_tool("search", {"query": "x", "limit": 0}),
                await client.call_tool("search", {"query": ""}),
            ]
    assert [(result.is_error, _text(result)) for result in corrected] == [
        (
            True,
            (
                "search does not take 'q' (use 'query'); it takes query, limit, collections, "
                "tags, after, before, sort, min_score."
            ),
        ),
        (True, "limit must be a whole number from 1 to 100, not 'ten'."),
        (True, "limit must be a whole number from 1 to 100, not 0."),
        (True, "The query is empty. Give at least one word, identifier or quoted phrase."),
    ]


async def test_discovery_waits_for_no_engine(tmp_path: Path) -> None:
    """The list of tools comes while the engine is still being imported, and comes again."""
    async with _conversation("stuck", tmp_path) as conversation:
        assert await conversation.stderr.receive_exactly(len(LOADING)) == LOADING.encode()
        assert len((await conversation.request(3, "tools/list"))["tools"]) == 6


async def test_a_foreign_folder_is_an_error_of_the_call(tmp_path: Path) -> None:
    """The server lists its tools, says what is wrong and goes on."""
    (tmp_path / "letter.txt").write_text("Dear reader")
    with anyio.fail_after(PATIENCE):
        async with Client(_parameters("real", tmp_path)) as client:
            assert len((await client.list_tools()).tools) == 6
            for _ in range(2):
                result = await client.call_tool("query", {"query": "reader"})
                assert result.is_error
                assert _text(result).startswith(f"{tmp_path} is not a qmd-mcp index: ")


async def test_a_note_is_found_read_and_found_again_after_a_change(tmp_path: Path) -> None:
    """The real engine behind the real transport; what changed on disk is indexed at the next start."""
    notes, index = tmp_path / "notes", tmp_path / "index"
    notes.mkdir()
    (notes / "postgres.md").write_text("# Postgres\n\nPromote the standby with pg_ctl promote.\n")
    settings = read_settings(index=str(index))
    async with open_engine(settings, locate_index(settings, start=tmp_path), create=True) as engine:
        await engine.writing.add_collection(Collection("notes", root=notes, globs=("**/*.md",)))
        await engine.writing.update()
    (notes / "redis.md").write_text("# Redis\n\nFailover is done by sentinel.\n")
    with anyio.fail_after(PATIENCE):
        async with Client(_parameters("real", index, QMD_STRUCTURED="always")) as client:
            for tool in ("search", "vsearch", "query"):
                found = await client.call_tool(tool, {"query": "promote the standby", "limit": 1})
                assert found.structured_content is not None
                (hit,) = found.structured_content["hits"]
                assert (hit["path"], hit["freshness"]) == ("postgres.md", "current")
                assert hit["start_line"] <= 3 <= hit["end_line"]
                assert f"notes/postgres.md:{hit['start_line']}-{hit['end_line']}" in _text(found)
            read = await client.call_tool("get_document", {"document": hit["docid"]})
            assert "\n3  Promote the standby with pg_ctl promote.\n" in _text(read)
            while "notes/redis.md" not in _text(await client.call_tool("search", {"query": "sentinel"})):
                pass  # bounded by the patience above


async def test_standard_output_carries_the_protocol_alone(tmp_path: Path) -> None:
    """What libraries print goes to standard error, while serving and while closing."""
    async with _conversation("fake", tmp_path) as conversation:
        await conversation.request(3, "tools/call", {"name": "query", "arguments": {"query": "noise"}})
        await conversation.stdin.aclose()
        code, stdout, stderr = await conversation.end()
    assert (code, stdout) == (0, b"")
    assert stderr.decode().splitlines(keepends=True) == [NOISE, NOISE, NOISE]


@pytest.mark.parametrize(
    "ending", ["end of input", signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.endurance)]
)
@pytest.mark.parametrize(
    ("kind", "query", "said"),
    [("fake", None, ()), ("fake", "hang", (HANGING,)), ("stuck", None, (LOADING,)), ("stuck", "x", (LOADING,))],
    ids=["idle", "in the middle of a call", "while importing", "while a call waits for the import"],
)
async def test_the_process_ends_with_code_0_and_no_trace(
    kind: str, query: str | None, said: Iterable[str], ending: signal.Signals | str, tmp_path: Path
) -> None:
    """Whatever it is doing."""
    async with _conversation(kind, tmp_path) as conversation:
        if query is not None:
            await conversation.ask(3, "tools/call", {"name": "query", "arguments": {"query": query}})
        for line in said:
            assert await conversation.stderr.receive_exactly(len(line)) == line.encode()
        if kind == "fake" and query is None:
            await conversation.request(3, "tools/call", {"name": "status", "arguments": {}})
        if isinstance(ending, signal.Signals):
            conversation.process.send_signal(ending)
        else:
            await conversation.stdin.aclose()
        code, stdout, stderr = await conversation.end()
    assert code == 0
    assert all(json.loads(line)["id"] == 3 for line in stdout.splitlines())
    assert stderr.decode() in {"", NOISE}


async def test_a_cancelled_call_is_dropped_by_the_server(tmp_path: Path) -> None:
    """It stops where it waits, and the conversation goes on."""
    async with _conversation("fake", tmp_path) as conversation:
        await conversation.ask(3, "tools/call", {"name": "query", "arguments": {"query": "hang and tell"}})
        assert await conversation.stderr.receive_exactly(len(HANGING)) == HANGING.encode()
        cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 3}}
        await conversation.stdin.send(json.dumps(cancelled).encode() + b"\n")
        assert await conversation.stderr.receive_exactly(len(CANCELLED)) == CANCELLED.encode()
        await conversation.ask(4, "tools/call", {"name": "search", "arguments": {"query": "x"}})
        answers = [json.loads(await conversation.stdout.receive_until(b"\n", 1_000_000))]
        if answers[0]["id"] == 3:  # some versions of the protocol answer what was cancelled
            answers.append(json.loads(await conversation.stdout.receive_until(b"\n", 1_000_000)))
        assert answers[-1]["id"] == 4
        assert not answers[-1]["result"].get("isError")


async def test_twenty_cancelled_calls_leave_nothing_on_standard_error(tmp_path: Path) -> None:
    """Also where a stage ends after its call has been cancelled."""
    async with _conversation("fake", tmp_path) as conversation:
        for number in range(3, 23):
            call = {"name": "query", "arguments": {"query": "hang"}, "_meta": {"progressToken": number}}
            await conversation.ask(number, "tools/call", call)
            assert await conversation.stderr.receive_exactly(len(HANGING)) == HANGING.encode()
            cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}
            await conversation.stdin.send(json.dumps(cancelled).encode() + b"\n")
        await conversation.request(23, "tools/list")
        await conversation.stdin.aclose()
        code, stdout, stderr = await conversation.end()
    assert (code, stdout, stderr) == (0, b"", NOISE.encode())


def test_a_client_that_vanishes_leaves_no_trace(tmp_path: Path) -> None:
    """It closes standard output before the answer is written, and standard input after."""
    call = {"name": "query", "arguments": {"query": "noise"}}
    with subprocess.Popen(
        command("fake", tmp_path), cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(_line(1, "initialize", INITIALIZE))
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write(_line(2, "tools/call", call))
        process.stdin.flush()
        assert process.stderr.readline().decode() == NOISE
        process.stdin.close()
        stderr = process.stderr.read()
        code = process.wait(PATIENCE)
    assert code == 0
    assert set(stderr.decode().splitlines(keepends=True)) == {NOISE}


def test_input_that_ends_at_once_is_answered_before_the_end(tmp_path: Path) -> None:
    """As when somebody tries the server from a shell."""
    asked = _line(1, "initialize", INITIALIZE)
    done = subprocess.run(
        command("fake", tmp_path), cwd=PROJECT, input=asked, capture_output=True, timeout=PATIENCE, check=True
    )
    assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "qmd-mcp"
    assert done.stderr == b""
