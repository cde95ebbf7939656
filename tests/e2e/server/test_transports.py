"""One set of assertions for every way to reach the server, each with a real process."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from anyio import to_thread
from mcp import Client, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolResult,
    ResourceTemplateReference,
    TextContent,
    TextResourceContents,
)

from qmd_mcp import __version__
from qmd_mcp.domain.answers import Excerpts, Skip
from qmd_mcp.presentation.guidance import GUIDE
from qmd_mcp.presentation.json_encoding import as_json
from qmd_mcp.presentation.rendering import render_excerpt, render_excerpts
from tests.e2e.http_server import PATIENCE, PROJECT, HttpServer, http_server
from tests.fakes import EXCERPT, STATUS

pytestmark = pytest.mark.anyio

TRANSPORTS = ("stdio", "streamable HTTP", "SSE", "forwarding stdio")
ERAS = {"legacy": "2025-11-25", "auto": "2026-07-28"}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the HTTP server serves."""
    return tmp_path_factory.mktemp("index")


@pytest.fixture(scope="module")
def server(index: Path) -> Generator[HttpServer]:
    """One for all."""
    with http_server("fake", index) as server:
        yield server


@pytest.fixture(scope="module")
def structured(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[HttpServer, Path]]:
    """A server for programs, and the index that it serves."""
    index = tmp_path_factory.mktemp("index")
    with http_server("fake", index, structured="always") as server:
        yield server, index


@pytest.fixture(scope="module")
def connect(server: HttpServer, index: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Client]:
    """A client by transport and era."""

    def connected(transport: str, mode: str) -> Client:
        match transport:
            case "streamable HTTP":
                return Client(f"{server.url}/mcp", mode=mode)
            case "SSE":
                return Client(sse_client(f"{server.url}/sse"), mode=mode)
            case _:
                served = index if transport == "forwarding stdio" else tmp_path_factory.mktemp("index")
                return Client(_program(served), mode=mode)

    return connected


@pytest.fixture(scope="module", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """How the server is reached."""
    name: str = request.param
    return name


@pytest.fixture(scope="module", params=ERAS)
async def client(
    request: pytest.FixtureRequest, transport: str, connect: Callable[[str, str], Client]
) -> AsyncGenerator[Client]:
    """A client of either era."""
    with anyio.fail_after(PATIENCE * len(TRANSPORTS)):
        async with connect(transport, request.param) as client:
            assert client.protocol_version == ERAS[request.param]
            yield client


def _program(index: Path, **environment: str) -> StdioServerParameters:
    command = ["-m", "tests.e2e.stdio_process", "fake", str(index)]
    return StdioServerParameters(command=sys.executable, args=command, cwd=PROJECT, env={**os.environ, **environment})


def _text(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def test_every_transport_serves_the_same(client: Client, transport: str) -> None:
    """Discovery, every tool, every kind of mistake and a bug."""
    assert client.server_info is not None
    assert (client.server_info.name, client.server_info.version) == ("qmd-mcp", __version__)
    assert client.instructions is not None
    assert client.instructions.startswith("Search over the user's own notes")
    tools = (await client.list_tools()).tools
    assert all(tool.output_schema is None for tool in tools)
    assert [tool.name for tool in tools] == [
        "query",
        "search",
        "vsearch",
        "get_document",
        "get_documents",
        "status",
    ]
    for tool in ("query", "search", "vsearch"):
        found = await client.call_tool(tool, {"query": "promote", "limit": "1"})
        assert found.structured_content is None
        assert "notes/runbooks/postgres.md:12-14  #a1b2c3  " in _text(found)
    read = await client.call_tool("get_document", {"document": "#a1b2c3"})
    assert _text(read) == render_excerpt(EXCERPT)
    several = await client.call_tool("get_documents", {"documents": "notes/*.md, b.md"})
    assert _text(several) == render_excerpts(Excerpts((EXCERPT,), (Skip("b.md", "no such document"),)))
    status = _text(await client.call_tool("status", {}))
    assert (STATUS.index in status) == (transport == "stdio"), "only the person's own process shows paths"
    assert "\nCollection notes: " in status
    mistakes = [
        ("search", {"q": "x"}),
        ("search", {"query": "x", "limit": "ten"}),
        ("query", {"query": " "}),
        ("query", {"query": "x" * 4_001}),
        ("query", {"query": "x", "collections": ["nots"]}),
        ("get_document", {"document": "nots/a.md"}),
        ("get", {"path": "x"}),
        ("query", {"query": "bug"}),
    ]
    answers = [await client.call_tool(tool, arguments) for tool, arguments in mistakes]
    assert all(answer.is_error for answer in answers)
    assert [_text(answer) for answer in answers] == [
        (
            "search does not take 'q' (use 'query'); it takes query, limit, collections, "
            "tags, after, before, sort, min_score."
        ),
        "limit must be a whole number from 1 to 100, not 'ten'.",
        "The query is empty. Give at least one word, identifier or quoted phrase.",
        "The query has 4,001 characters; at most 4,000 are taken. Shorten it.",
        "There is no collection 'nots'. The index has notes.",
        "No document at 'nots/a.md'. Did you mean notes/runbooks/postgres.md?",
        (
            "There is no tool 'get': use 'get_document'. The tools are query, search, vsearch, get_document, "
            "get_documents, status."
        ),
        "query failed because of a fault in the server, which has logged it. Try another call.",
    ]


async def test_every_transport_gives_programs_json_that_fits_its_schema(
    structured: tuple[HttpServer, Path], transport: str, tmp_path: Path
) -> None:
    """With `structured=always`; the SDK's client validates as well."""
    server, index = structured
    connection: Any
    match transport:
        case "streamable HTTP":
            connection = f"{server.url}/mcp"
        case "SSE":
            connection = sse_client(f"{server.url}/sse")
        case _:
            connection = _program(index if transport == "forwarding stdio" else tmp_path, QMD_STRUCTURED="always")
    with anyio.fail_after(PATIENCE):
        async with Client(connection, mode="legacy") as client:
            schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
            found = await client.call_tool("query", {"query": "promote"})
            read = await client.call_tool("get_document", {"document": "#a1b2c3"})
            status = await client.call_tool("status", {})
    for tool, result in {"query": found, "get_document": read, "status": status}.items():
        schema = schemas[tool]
        assert schema is not None
        jsonschema.validate(result.structured_content, schema)
    assert read.structured_content == as_json(EXCERPT)
    assert _text(read) == render_excerpt(EXCERPT)


async def test_every_transport_offers_documents_as_resources(client: Client) -> None:
    """Read as data, completed by collection, path and file name."""
    (template,) = (await client.list_resource_templates()).resource_templates
    assert (template.uri_template, template.name) == ("qmd://{+path}", "document")
    (read,) = (await client.read_resource("qmd://notes/runbooks/postgres.md")).contents
    assert isinstance(read, TextResourceContents)
    assert read.text == render_excerpt(EXCERPT)
    for absent in ("qmd://nots/a.md", "qmd://../../etc/passwd", "qmd:///etc/passwd", "file:///etc/passwd"):
        with pytest.raises(MCPError) as refused:
            await client.read_resource(absent)
        assert refused.value.error.code == INVALID_PARAMS
    reference = ResourceTemplateReference(type="ref/resource", uri="qmd://{+path}")
    for begun, values in {
        "": ["notes/", "notes/runbooks/postgres.md"],
        "no": ["notes/", "notes/runbooks/postgres.md"],
        "notes/r": ["notes/runbooks/postgres.md"],
        "postg": ["notes/runbooks/postgres.md"],
        "x": [],
    }.items():
        completed = await client.complete(reference, {"name": "path", "value": begun})
        assert completed.completion.values == values


async def test_every_transport_offers_a_prompt_that_teaches_to_search(client: Client) -> None:
    """With the question at hand, if there is one."""
    (prompt,) = (await client.list_prompts()).prompts
    assert prompt.name == "search_guide"
    (message,) = (await client.get_prompt("search_guide", {"question": "how do we\nfail over?"})).messages
    assert isinstance(message.content, TextContent)
    assert message.content.text == f"{GUIDE}\n\nThe question: how do we fail over?"
    with pytest.raises(MCPError) as refused:
        await client.get_prompt("serch_guide")
    assert refused.value.error.code == INVALID_PARAMS
    assert refused.value.error.message == "There is no prompt 'serch_guide'. The prompts are search_guide."


async def test_every_stage_of_a_query_is_told_before_the_answer(client: Client) -> None:
    """To a client that wants to know."""
    told: list[tuple[float, float | None, str | None]] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    await client.call_tool("query", {"query": "x"}, progress_callback=tell)
    assert told == [(1.0, None, "query: 1.5 ms"), (2.0, None, "rerank: not run (no model)")]


async def test_the_instructions_say_what_is_indexed_once_the_index_is_open(server: HttpServer) -> None:
    """Collections, counts and contexts."""
    said: str | None = ""
    with anyio.fail_after(PATIENCE):
        while not (said or "").endswith(" Indexed: notes (1 document: Runbooks of the operations team)."):
            async with Client(f"{server.url}/mcp", mode="legacy") as client:
                said = client.instructions


async def test_a_hanging_call_delays_no_other_and_its_cancellation_ends_it(client: Client) -> None:
    """The same client goes on."""
    async with anyio.create_task_group() as calls:
        calls.start_soon(client.call_tool, "query", {"query": "hang"})
        assert not (await client.call_tool("query", {"query": "x"})).is_error
        calls.cancel_scope.cancel()
    assert not (await client.call_tool("query", {"query": "x"})).is_error


@pytest.mark.parametrize("reached", ["streamable HTTP", "SSE", "forwarding stdio"])
@pytest.mark.parametrize("mode", ERAS)
async def test_a_cancelled_call_is_dropped_by_the_server(
    server: HttpServer, connect: Callable[[str, str], Client], reached: str, mode: str
) -> None:
    """It holds no place any more."""
    with anyio.fail_after(PATIENCE):
        async with connect(reached, mode) as client:
            async with anyio.create_task_group() as calls:
                calls.start_soon(client.call_tool, "query", {"query": "hang"})
                while "qmd_calls_in_progress 1.0" not in await to_thread.run_sync(_figures, server):
                    pass
                calls.cancel_scope.cancel()
            while "qmd_calls_in_progress 0.0" not in await to_thread.run_sync(_figures, server):
                pass


def _figures(server: HttpServer) -> str:
    return server.get("/metrics").text
