"""The audit file: whoever reads something leaves a line, and what leaves none is not answered."""

from __future__ import annotations

import json
import stat
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ResourceTemplateReference

from qmd_mcp.application.engine_protocols import OpenEngine, ReadableEngine
from qmd_mcp.errors import SettingsError
from qmd_mcp.server.clients.audit_file import KEPT, LONGEST_SUBJECT, AuditFile
from qmd_mcp.server.clients.client import PRESENT, STDIO
from qmd_mcp.server.clients.registered_clients import add
from qmd_mcp.server.mcp.mcp_application import Application
from qmd_mcp.server.mcp.tools import Tools
from qmd_mcp.settings import IndexLocation, read_settings
from tests.e2e.http_server import PATIENCE, HttpServer
from tests.fakes import open_fake_engine
from tests.served_in_thread import served_in_thread

pytestmark = pytest.mark.anyio

LOCATION = IndexLocation("/an/index")


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))


def load_fake() -> OpenEngine:
    """An engine that is there at once."""
    return open_fake_engine


def lines(path: Path) -> list[dict[str, Any]]:
    """What a file has."""
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_every_call_of_every_kind_leaves_one_line_with_its_client(tmp_path: Path) -> None:
    path = tmp_path / "audit" / "reads.jsonl"
    headers = {"Authorization": f"Bearer {add(LOCATION, 'editor', collections=None, per_minute=None)}"}
    with (
        anyio.fail_after(PATIENCE),
        served_in_thread(read_settings(port=0, audit=path), LOCATION, load=load_fake) as url,
    ):
        server = HttpServer(url)
        for route, query in (("/search", "over REST"), ("/query", "nothing")):
            assert await anyio.to_thread.run_sync(server.post, route, {"query": query}, headers)
        await anyio.to_thread.run_sync(server.get, "/documents/a1b2c3", headers)
        await anyio.to_thread.run_sync(server.get, "/documents/nowhere", headers)
        async with (
            httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http,
            Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
        ):
            await client.call_tool("vsearch", {"query": "over MCP\n{}"})
            await client.call_tool("get_documents", {"documents": ["a.md", "b.md"]})
            await client.call_tool("status", {})
            await client.call_tool("no_such_tool", {"path": "/x"})
            await client.read_resource("qmd://notes/runbooks/postgres.md")
            path_of = {"name": "path", "value": "not"}
            await client.complete(ResourceTemplateReference(uri="qmd://{+path}"), path_of)
    assert {line["client"] for line in lines(path)} == {"editor"}
    read = [
        (line["transport"], line["tool"], line["asked"], line.get("hits", line.get("error"))) for line in lines(path)
    ]
    assert read == [
        ("rest", "search", "over REST", 2),
        ("rest", "query", "nothing", 0),
        ("rest", "get_document", "a1b2c3", 1),
        ("rest", "get_document", "nowhere", "DocumentNotFoundError"),
        ("mcp", "vsearch", "over MCP\n{}", 2),
        ("mcp", "get_documents", '["a.md", "b.md"]', 1),
        ("mcp", "status", "{}", 0),
        ("mcp", "unknown", '{"path": "/x"}', "ArgumentError"),
        ("mcp", "resource", "notes/runbooks/postgres.md", 1),
        ("mcp", "completion", "not", 2),
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "Bearer" not in path.read_text()


@pytest.mark.parametrize("obstacle", ["a folder", "a link"])
async def test_what_cannot_be_recorded_is_not_answered(tmp_path: Path, obstacle: str) -> None:
    path, elsewhere = tmp_path / "audit.jsonl", tmp_path / "elsewhere"
    elsewhere.write_text("precious")
    if obstacle == "a folder":
        path.mkdir()
    else:
        path.symlink_to(elsewhere)
    PRESENT.set(STDIO)
    async with open_fake_engine(read_settings(), LOCATION) as opened:

        async def engine() -> ReadableEngine:
            return opened

        application = Application(Tools(engine), audit=AuditFile(path))
        with pytest.raises(SettingsError, match="Nothing is answered because the audit file"):
            await application.answer("search", {"query": "x"})
        refused = await application.call_tool("search", {"query": "x"})
        assert "pg_ctl" not in str(refused.content)
    assert elsewhere.read_text() == "precious"


async def test_a_large_file_is_put_aside_and_no_line_is_lost_or_torn(tmp_path: Path) -> None:
    """Also when many calls end at the same time."""
    PRESENT.set(STDIO)
    audit = AuditFile(tmp_path / "audit.jsonl", largest_bytes=10_000)
    async with anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(lambda asked: audit.record("search", asked, (), transport="mcp"), f"query {number}")
    files = [audit.path, *(Path(f"{audit.path}.{number}") for number in range(1, KEPT + 1))]
    there = [file for file in files if file.exists()]
    assert len(there) > 2
    assert Counter(line["asked"] for file in there for line in lines(file)) == Counter(f"query {n}" for n in range(200))
    assert all(file.stat().st_size <= 10_000 for file in there)
    assert {stat.S_IMODE(file.stat().st_mode) for file in there} == {0o600}


async def test_a_flood_of_calls_keeps_the_files_within_bounds(tmp_path: Path) -> None:
    PRESENT.set(STDIO)
    audit = AuditFile(tmp_path / "audit.jsonl", largest_bytes=20_000)
    for _ in range(120):
        await audit.record("search", "x" * 100_000, (), transport="mcp")
    kept = [file for file in tmp_path.iterdir() if file.suffix != ".lock"]
    assert len(kept) == KEPT + 1
    assert sum(file.stat().st_size for file in kept) <= 20_000 * (KEPT + 1)
    (last, *_) = lines(audit.path)
    assert (len(last["asked"]), last["asked_characters"]) == (LONGEST_SUBJECT, 100_000)


def test_the_file_is_named_by_its_whole_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QMD_AUDIT", "audit.jsonl")
    with pytest.raises(SettingsError, match="whole path"):
        read_settings()
