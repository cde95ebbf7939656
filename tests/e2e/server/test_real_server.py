"""The program itself: every tool, and every mistake that a caller or operator makes."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult, TextContent

from qmd_mcp.application.engine import open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.server.clients.client import PRESENT, STDIO
from qmd_mcp.server.mcp.mcp_application import Application
from qmd_mcp.server.mcp.tools import Tools
from qmd_mcp.server.process.served_application import served as serving
from qmd_mcp.server.process.stdio_process import load_engine
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.generation import Generation, switch
from qmd_mcp.store.lance.database import Database

pytestmark = pytest.mark.anyio

PATIENCE = 60
"""Seconds that a whole conversation may take on a busy machine."""

SETTINGS = Settings()


@asynccontextmanager
async def served(index: Path, **environment: str) -> AsyncGenerator[Client]:
    program = ["-m", "qmd_mcp", "--index", str(index), "serve", "--no-refresh"]
    parameters = StdioServerParameters(
        command=sys.executable, args=program, env={"QMD_STRUCTURED": "always", **environment}
    )
    with anyio.fail_after(PATIENCE):
        async with Client(stdio_client(parameters)) as client:
            yield client


def text(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


async def answer(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text(result)
    assert result.structured_content is not None
    return result.structured_content


@pytest.fixture
async def index(tmp_path: Path) -> Path:
    """Three notes, English and Chinese."""
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "failover.md").write_text("# Failover\n\nPromote the standby when the primary database is gone.\n")
    (notes / "soup.md").write_text("# Lentil soup\n\nSimmer the lentils for twenty minutes.\n")
    (notes / "缓存.md").write_text("# 缓存\n\n缓存同时过期，数据库压力很大。\n")
    index = tmp_path / "index"
    async with open_engine(SETTINGS, IndexLocation(str(index)), create=True) as engine:
        await engine.writing.add_collection(Collection("notes", notes, ("**/*.md",)))
        await engine.writing.update()
    return index


async def test_every_tool_answers_and_every_mistake_is_one_sentence(index: Path) -> None:
    mistakes: list[tuple[str, dict[str, Any], str]] = [
        ("search", {"qeury": "x"}, "search does not take 'qeury' (use 'query'); it takes query, limit, "),
        ("query", {"query": 7}, "query must be text, not 7."),
        ("query", {"query": "  "}, "The query is empty. Give at least one word, identifier or quoted phrase."),
        ("vsearch", {"query": "x", "limit": 0}, "limit must be a whole number from 1 to 100, not 0."),
        ("search", {"query": '-"only"'}, "The query only excludes (-only). Add at least one word"),
        ("search", {"query": "x", "collections": ["wiki"]}, "There is no collection 'wiki'. The index has notes."),
        ("get_document", {"document": "notes/failovr.md"}, "No document at 'notes/failovr.md'. Did you mean notes/"),
        ("get_document", {"document": "#ffffffff"}, "No document at '#ffffffff'."),
        ("get_document", {"document": "/etc/passwd"}, "No document at '/etc/passwd'."),
        ("get_document", {"document": "/etc/passwd\0.md"}, r"No document at '/etc/passwd\x00.md'."),
        ("get_document", {"document": "notes/../../etc/passwd"}, "No document at 'notes/../../etc/passwd'."),
        ("get_document", {"document": "notes/soup.md", "from_line": 99}, "from_line is 99, but notes/soup.md has 3"),
    ]
    async with served(index) as client:
        words = await answer(client, "search", query="standby")
        meaning = await answer(client, "vsearch", query="a recipe for legumes")
        both = await answer(client, "query", query="what if the main server dies")
        chinese = await answer(client, "query", query="缓存过期")
        assert [each["hits"][0]["path"] for each in (words, meaning, both, chinese)] == [
            "failover.md",
            "soup.md",
            "failover.md",
            "缓存.md",
        ]
        read = await answer(client, "get_document", document=words["hits"][0]["docid"] + ":3:1", line_numbers=False)
        assert read["text"] == "Promote the standby when the primary database is gone."
        several = await answer(client, "get_documents", documents=["notes/s*.md", "缓存.md", "nowhere.md"])
        assert [each["path"] for each in several["documents"]] == ["soup.md", "缓存.md"]
        assert [each["path"] for each in several["skipped"]] == ["nowhere.md"]
        status = await answer(client, "status")
        assert (status["documents"], status["embedded"], status["models"][0]["state"]) == (3, 3, "idle")
        for tool, arguments, sentence in mistakes:
            result = await client.call_tool(tool, arguments)
            assert result.is_error, (tool, arguments)
            assert text(result)[: len(sentence)] == sentence
            assert "\n" not in text(result)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no folder that a process works in")
async def test_a_server_whose_working_folder_was_deleted_answers(index: Path, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = 'cd "$1" && rmdir "$1" && shift && exec "$@"'
    program = [sys.executable, "-P", "-m", "qmd_mcp", "--index", str(index), "serve"]
    parameters = StdioServerParameters(
        command="sh",
        args=["-c", script, "sh", str(tmp_path / "gone"), *program],
        env={"QMD_STRUCTURED": "always"},
    )
    with anyio.fail_after(PATIENCE):
        async with Client(stdio_client(parameters)) as client:
            found = await answer(client, "query", query="what if the main server dies")
            read = await answer(client, "get_document", document="notes/failover.md")
    assert (found["hits"][0]["path"], read["path"]) == ("failover.md", "failover.md")


@asynccontextmanager
async def served_here(index: Path, **settings: Any) -> AsyncGenerator[Client]:
    """What the program serves, in this process."""
    PRESENT.set(STDIO)
    async with serving(
        Settings(**settings),
        IndexLocation(str(index)),
        refresh=False,
        load=load_engine,
        unasked_after=0,
        build=lambda host, engine: Application(Tools(engine), listed=host.ask),
    ) as served:
        with anyio.fail_after(PATIENCE):
            async with Client(served.application) as client:
                yield client


async def test_an_empty_index_and_one_of_another_embedder_say_what_to_do(tmp_path: Path) -> None:
    index = tmp_path / "index"
    async with open_engine(SETTINGS, IndexLocation(str(index)), create=True):
        pass
    async with served_here(index) as client:
        assert text(await client.call_tool("query", {"query": "x"})).endswith(
            "is empty. Add a folder: qmd-mcp collection add FOLDER --name NAME"
        )
    database = await Database.open(str(index))
    await switch(database, Generation("000000000000", "mini", 384))
    database.close()
    async with served_here(index) as client:
        assert text(await client.call_tool("query", {"query": "x"})).endswith(
            "Rebuild it: qmd-mcp update --embedder mini"
        )
    async with served_here(index, embedder="nonsense") as client:
        assert text(await client.call_tool("query", {"query": "x"})).startswith("There is no model profile 'nonsense'")
