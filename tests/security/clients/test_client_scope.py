"""A client whose token is for some collections asks for the others, in every way that there is."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ResourceTemplateReference

from qmd_mcp.application.engine import open_engine
from qmd_mcp.application.engine_protocols import ReadableEngine
from qmd_mcp.application.tool_calls import TOOLS
from qmd_mcp.domain.documents import Collection, Context
from qmd_mcp.domain.request_arguments import build, offered_by
from qmd_mcp.errors import QmdError
from qmd_mcp.presentation.disclosure import NoPaths
from qmd_mcp.presentation.rendering import render
from qmd_mcp.server.clients.client import Client as Asking
from qmd_mcp.server.clients.registered_clients import add
from qmd_mcp.server.mcp.arguments import fit
from qmd_mcp.settings import IndexLocation, read_settings
from tests.e2e.http_server import PATIENCE, HttpServer
from tests.served_in_thread import served_in_thread

pytestmark = pytest.mark.anyio

OPEN = {
    "gardening.md": "---\ntags: [soil/loam]\ndate: 2026-03-01\n---\n# Gardening\n\nWe water the tomatoes at dawn.\n",
    "ponds.md": "# Ponds\n\nFrogs live in ponds, and [[Gardening]] needs water.\n",
}
CLOSED = {
    "zanzibarquux.md": "---\naliases: [Mnemosynth]\ntags: [krypteia/inner]\ndate: 2026-03-02\n---\n"
    "# Xylotomous heading\n\nThe plutocratix formula waters tomatoes with `getWombatron()`.\n",
    "gardening.md": "# Gardening in the vaultroom\n\nFrogs and tomatoes and the plutocratix formula again.\n",
}
MARKS = ("zanzibarquux", "mnemosynth", "krypteia", "xylotomous", "plutocratix", "wombatron", "vaultroom")
"""Words that stand in the closed collection alone; `vaultroom` is also its name."""

TEMPLATE = ResourceTemplateReference(uri="qmd://{+path}")

QUERIES = (
    "tomatoes water",
    "frogs",
    "plutocratix",
    "plutocratic",
    '"plutocratix formula"',
    "plutocratix formula",
    "zanzibarqux",
    "xylotomus heading",
    "wombatron",
    "getWombatron",
    "pluto*",
    "zanz*",
    "tomatoes -plutocratix",
    '"waters tomatoes"',
    "title:xylotomous tomatoes",
    "tag:krypteia",
    "tag:krypteia tomatoes",
    "path:zanzibar",
    "path:vaultroom/ frogs",
    "after:2026-03-02",
    "quoted nothing anywhere",
    "wat er",
    "mnemo synth",
)
REFERENCES = (
    "vaultroom/zanzibarquux.md",
    "zanzibarquux.md",
    "zanzibarquux",
    "zanzibarqu.md",
    "Mnemosynth",
    "[[Mnemosynth]]",
    "qmd://vaultroom/zanzibarquux.md",
    "vaultroom/zanzibarquux.md:1:3",
    "Gardening",
    "gardening.md",
    "vaultroom/gardening.md",
    "#DOCID",
    "ABSOLUTE",
    "nowhere.md",
)
GLOBS = ("**", "*/*.md", "vaultroom/*", "**/zanz*", "{vaultroom,notes}/*.md")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool."""

    tool: str
    arguments: Mapping[str, object]

    def __str__(self) -> str:
        return f"{self.tool} {json.dumps(self.arguments)}"


CALLS = (
    *(Call(tool, {"query": query}) for tool in ("query", "search", "vsearch") for query in QUERIES),
    *(
        Call(tool, {"query": "frogs", "collections": [name]})
        for tool in ("query", "search")
        for name in ("vaultroom", "no")
    ),
    Call(
        "query",
        {"query": "frogs plutocratix", "options": {"searches": ["lex: plutocratix", "vec: formula"], "explain": True}},
    ),
    Call("search", {"query": "frogs", "sort": "date"}),
    Call("search", {"query": "", "tags": ["krypteia"]}),
    *(Call("get_document", {"document": reference}) for reference in REFERENCES),
    *(Call("get_documents", {"documents": [reference]}) for reference in (*REFERENCES, *GLOBS)),
    Call("status", {}),
)


@dataclass(frozen=True, slots=True)
class Indexes:
    """An index with both collections, and one in which the closed one does not exist."""

    both: IndexLocation
    alone: IndexLocation
    closed: Path
    docid: str

    def of(self, call: Call) -> dict[str, Any]:
        """The arguments of a call, with what only is known here."""
        text = json.dumps(call.arguments).replace("DOCID", self.docid[:8])
        return json.loads(text.replace("ABSOLUTE", str(self.closed / "zanzibarquux.md")))


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def indexes(tmp_path_factory: pytest.TempPathFactory) -> Indexes:
    folder = tmp_path_factory.mktemp("scope")
    docid = ""
    for name, pages in (("notes", OPEN), ("vaultroom", CLOSED)):
        (folder / name).mkdir()
        for file, text in pages.items():
            (folder / name / file).write_text(text)
    notes = Collection("notes", folder / "notes", ("**/*.md",))
    closed = Collection("vaultroom", folder / "vaultroom", ("**/*.md",), contexts=(Context("", "plutocratix papers"),))
    both, alone = (IndexLocation(str(folder / name)) for name in ("both", "alone"))
    for location, collections in ((both, (notes, closed)), (alone, (notes,))):
        async with open_engine(read_settings(), location, create=True) as engine:
            for collection in collections:
                await engine.writing.add_collection(collection)
            await engine.writing.update()
            if location is both:
                found = await engine.reading.get(
                    "vaultroom/zanzibarquux.md", from_line=None, max_lines=None, line_numbers=False
                )
                docid = found.docid.removeprefix("#")
    return Indexes(both, alone, folder / "vaultroom", docid)


@pytest.fixture(scope="module")
async def engines(indexes: Indexes) -> AsyncGenerator[tuple[ReadableEngine, ReadableEngine]]:
    """The index with both collections narrowed to one, and the index that never had another."""
    async with open_engine(read_settings(), indexes.both) as both, open_engine(read_settings(), indexes.alone) as alone:
        yield Asking("reader", frozenset({"notes"})).engine(both), alone


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_every_tool_answers_as_if_the_other_collections_did_not_exist(
    engines: tuple[ReadableEngine, ReadableEngine], indexes: Indexes, call: Call
) -> None:
    """Word for word, but for numbers: BM25 weighs words by how frequent they are in the whole index."""
    narrowed, alone = [await _answered(engine, call.tool, indexes.of(call)) for engine in engines]
    assert _comparable(narrowed) == _comparable(alone)


async def _answered(engine: ReadableEngine, tool: str, arguments: dict[str, Any]) -> str:
    known = TOOLS[tool]
    try:
        request = build(known.request, fit(tool, arguments, offered_by(known.request)))
        return render(await known.ask(engine, request, None))
    except QmdError as error:
        return NoPaths().sentence(error)


def _comparable(text: str) -> str:
    """Without numbers with decimals, times, and what the index as a file has (its name, its size)."""
    text = re.sub(r"\d+\.\d+|\d+ ms|\b\d{4}-\d\d-\d\dT[\d:Z]+", "N", text)
    return re.sub(r"(?m)^.*(?:/both|/alone|both\b.*index).*$", "", text)


@pytest.fixture(scope="module")
def server(indexes: Indexes, tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[HttpServer, dict[str, str]]]:
    """A server of both collections, and the headers of a client for one of them."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("STATE", "CACHE"):
            patched.setenv(f"XDG_{name}_HOME", str(tmp_path_factory.mktemp(name)))
        token = add(indexes.both, "reader", collections=["notes"], per_minute=None)
        with served_in_thread(read_settings(port=0), indexes.both) as url:
            yield HttpServer(url), {"Authorization": f"Bearer {token}"}


ROUTES = (
    *(("POST", f"/{mode}", {"query": query}) for mode in ("search", "vsearch", "query") for query in QUERIES[:4]),
    ("POST", "/search", {"query": "frogs", "collections": ["vaultroom"]}),
    *(("GET", f"/documents/{reference.replace('#', '%23')}", None) for reference in REFERENCES if " " not in reference),
    ("GET", "/metrics", None),
    ("GET", "/openapi.json", None),
    ("GET", "/health", None),
)


@pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=str)
def test_no_route_shows_a_word_of_the_other_collections(
    server: tuple[HttpServer, dict[str, str]], indexes: Indexes, method: str, path: str, body: object
) -> None:
    served, headers = server
    path = path.replace("DOCID", indexes.docid[:8]).replace("ABSOLUTE", f"{indexes.closed}/zanzibarquux.md")
    reply = served.post(path, body, headers) if method == "POST" else served.get(path, headers)
    assert reply.status in {200, 400, 403, 404}
    asked = f"{path} {json.dumps(body)}"
    assert not _leaked(reply.text, asked)
    if path == "/metrics":
        assert reply.status == 403


@pytest.mark.parametrize("transport", ["streamable HTTP", "SSE"])
@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_neither_instructions_nor_resources_nor_completions_nor_tools_show_them(
    server: tuple[HttpServer, dict[str, str]], indexes: Indexes, transport: str, mode: str
) -> None:
    served, headers = server
    url = served.url
    with anyio.fail_after(PATIENCE):
        async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http:
            way = (
                streamable_http_client(f"{url}/mcp", http_client=http)
                if transport == "streamable HTTP"
                else sse_client(f"{url}/sse", headers=headers)
            )
            async with Client(way, mode=mode) as client:
                assert "notes (2 documents)" in (client.instructions or "")
                assert not _leaked(client.instructions or "", "")
                found = await client.call_tool("search", {"query": "tomatoes"})
                assert "notes/gardening.md" in str(found.content)
                assert not _leaked(str(found.content), "")
                assert not _leaked(str((await client.call_tool("status", {})).content), "")
                for begun in ("", "v", "vaultroom/", "zanz"):
                    completed = await client.complete(
                        ResourceTemplateReference(uri="qmd://{+path}"), {"name": "path", "value": begun}
                    )
                    assert not _leaked(" ".join(completed.completion.values), "")
                for uri in ("qmd://vaultroom/zanzibarquux.md", "qmd://zanzibarquux", f"qmd://{indexes.docid[:8]}"):
                    with pytest.raises(Exception, match="No document") as refused:
                        await client.read_resource(uri)
                    assert not _leaked(str(refused.value), uri)


def test_a_session_of_one_client_is_not_another_ones(
    server: tuple[HttpServer, dict[str, str]], indexes: Indexes
) -> None:
    """Its answers would go to whoever began it."""
    served, headers = server
    accept = {"Accept": "application/json, text/event-stream"}
    begin = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "0"}},
    }
    other = {"Authorization": f"Bearer {add(indexes.both, 'other', collections=['vaultroom'], per_minute=None)}"}
    session = {"Mcp-Session-Id": served.post("/mcp", begin, {**headers, **accept}).headers["mcp-session-id"]}
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    assert served.post("/mcp", ping, {**headers, **accept, **session}).status == 200
    assert served.post("/mcp", ping, {**other, **accept, **session}).status == 404


def _leaked(text: str, asked: str) -> list[str]:
    """The marks in a text that were not asked with."""
    return [mark for mark in MARKS if mark in text.lower() and mark not in asked.lower()]
