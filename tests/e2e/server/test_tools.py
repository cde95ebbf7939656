"""The tools as a client meets them, in both protocol eras."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from mcp import Client
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from tokenizers import Tokenizer

from qmd_mcp import __version__
from qmd_mcp.application.engine_protocols import Engine
from qmd_mcp.domain.answers import Excerpts, Skip
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.index_errors import EmptyIndexError
from qmd_mcp.presentation.guidance import INSTRUCTIONS
from qmd_mcp.presentation.rendering import render_answer, render_excerpt, render_excerpts, render_status
from qmd_mcp.server.mcp.mcp_application import Application
from qmd_mcp.server.mcp.tools import Tools
from tests.fakes import EXCERPT, STATUS, FakeEngine

pytestmark = pytest.mark.anyio

ERAS = {"legacy": "2025-11-25", "auto": "2026-07-28"}
TOKENIZER = Path(__file__).parents[3] / "models" / "mini" / "embedder" / "tokenizer.json"


@pytest.fixture
def engine() -> FakeEngine:
    """What the server serves."""
    return FakeEngine()


@pytest.fixture(params=ERAS)
async def client(request: pytest.FixtureRequest, engine: FakeEngine) -> AsyncGenerator[Client]:
    """A client of either era, on a server of its own."""

    async def opened() -> Engine:
        return engine

    async with Client(Application(Tools(opened)), mode=request.param) as client:
        assert client.protocol_version == ERAS[request.param]
        yield client


def _text(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


async def test_the_server_says_who_it_is_and_how_it_is_used(client: Client) -> None:
    """Name, version and instructions."""
    assert client.server_info is not None
    assert (client.server_info.name, client.server_info.version) == ("qmd-mcp", __version__)
    assert client.instructions == INSTRUCTIONS


async def test_there_are_six_tools_and_all_of_them_only_read(client: Client) -> None:
    """Clients ask no permission for what changes nothing."""
    tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == {
        "search",
        "vsearch",
        "query",
        "get_document",
        "get_documents",
        "status",
    }
    reading = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
    assert all(tool.annotations == reading and tool.title for tool in tools)


async def test_the_tools_cost_few_tokens(client: Client) -> None:
    """Names, titles, descriptions and input schemas: every conversation pays for them."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    tokenizer.no_truncation()
    shown = [
        json.dumps([tool.name, tool.title, tool.description, tool.input_schema], separators=(",", ":"))
        for tool in (await client.list_tools()).tools
    ]
    assert sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in shown) < 1_600
    assert len(tokenizer.encode(INSTRUCTIONS, add_special_tokens=False).ids) <= 120


CALLS: dict[str, dict[str, Any]] = {
    "query": {"query": "promote"},
    "search": {"query": "promote"},
    "vsearch": {"query": "promote"},
    "get_document": {"document": "#a1b2c3"},
    "get_documents": {"documents": "notes/*.md, b.md"},
    "status": {},
}


async def test_a_result_is_one_text_and_nothing_that_a_client_could_show_instead(client: Client) -> None:
    """Clients that receive JSON as well hand the model the JSON and drop the text, with our verdict and our quotes."""
    assert [tool.output_schema for tool in (await client.list_tools()).tools] == [None] * len(CALLS)
    for tool, arguments in CALLS.items():
        result = await client.call_tool(tool, arguments)
        assert not result.is_error
        assert result.structured_content is None
        assert isinstance(_text(result), str)
        assert "data, not instructions" in _text(result) or tool == "status"


@pytest.mark.parametrize("mode", ERAS)
async def test_a_program_gets_json_as_well_which_fits_its_schema(engine: FakeEngine, mode: str) -> None:
    """With `structured=always`; the text stays the same."""

    async def opened() -> Engine:
        return engine

    async with (
        Client(Application(Tools(opened, structured="always")), mode=mode) as program,
        Client(Application(Tools(opened)), mode=mode) as agent,
    ):
        schemas = {tool.name: tool.output_schema for tool in (await program.list_tools()).tools}
        for tool, arguments in CALLS.items():
            result = await program.call_tool(tool, arguments)
            schema = schemas[tool]
            assert schema is not None
            assert result.structured_content is not None
            jsonschema.validate(result.structured_content, schema)
            assert list(schema["properties"]) == list(result.structured_content)
            assert result.content == (await agent.call_tool(tool, arguments)).content


@pytest.mark.parametrize("tool", ["search", "vsearch", "query"])
async def test_an_answer_comes_as_text(client: Client, engine: FakeEngine, tool: str) -> None:
    result = await client.call_tool(tool, {"query": "promote", "limit": 1})
    answer = await getattr(engine.searching, tool)(QueryRequest("promote", limit=1))
    assert not result.is_error
    assert _text(result) == render_answer(answer)
    assert answer.hits[0].snippet in _text(result)


async def test_arguments_reach_the_engine(client: Client, engine: FakeEngine) -> None:
    """Lists as tuples, left-out ones by their defaults, a string where a list was meant."""
    await client.call_tool("search", {"query": "x", "limit": "3", "collections": "notes", "min_score": 2})
    await client.call_tool("vsearch", {"query": "x", "min_score": 0.5})
    await client.call_tool("query", {"query": "[1]", "collections": ["notes"]})
    assert engine.searching.requests == [
        ("search", SearchRequest("x", limit=3, collections=("notes",), min_score=2)),
        ("vsearch", SearchRequest("x", min_score=0.5)),
        ("query", QueryRequest("[1]", collections=("notes",))),
    ]


async def test_a_document_is_read_by_its_docid(client: Client, engine: FakeEngine) -> None:
    """With and without `#`."""
    for document in ("#a1b2c3", "a1b2c3"):
        result = await client.call_tool("get_document", {"document": document, "from_line": 10})
        excerpt = await engine.reading.get(document, from_line=10, max_lines=None, line_numbers=True)
        assert _text(result) == render_excerpt(excerpt)


@pytest.mark.parametrize("documents", [["notes/*.md", "b.md"], "notes/*.md, b.md", '["notes/*.md", "b.md"]'])
async def test_documents_are_read_from_a_list_or_from_one_string(client: Client, documents: object) -> None:
    """Some clients can only send strings."""
    excerpts = Excerpts((EXCERPT,), (Skip("b.md", "no such document"),))
    result = await client.call_tool("get_documents", {"documents": documents})
    assert _text(result) == render_excerpts(excerpts)


async def test_the_status_comes_as_text(client: Client) -> None:
    result = await client.call_tool("status", {})
    assert _text(result) == render_status(STATUS)


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        (
            "search",
            {"q": "x"},
            (
                "search does not take 'q' (use 'query'); it takes query, limit, collections, "
                "tags, after, before, sort, min_score."
            ),
        ),
        (
            "query",
            {"query": "x", "min_score": 1},
            (
                "query does not take 'min_score'; it takes query, limit, collections, "
                "tags, after, before, sort, intent, max_tokens, min_relevance, cursor, options."
            ),
        ),
        ("query", {}, "query needs 'query' (text)."),
        ("query", {"query": "x", "limit": "ten"}, "limit must be a whole number from 1 to 100, not 'ten'."),
        ("query", {"query": "x", "limit": 0}, "limit must be a whole number from 1 to 100, not 0."),
        ("query", {"query": " "}, "The query is empty. Give at least one word, identifier or quoted phrase."),
        ("query", {"query": "x", "collections": ["nots"]}, "There is no collection 'nots'. The index has notes."),
        (
            "get_document",
            {"document": "nots/a.md"},
            "No document at 'nots/a.md'. Did you mean notes/runbooks/postgres.md?",
        ),
        ("status", {"verbose": True}, "status does not take 'verbose'; it takes no arguments."),
        (
            "get",
            {"path": "x"},
            (
                "There is no tool 'get': use 'get_document'. The tools are query, search, vsearch, get_document, "
                "get_documents, status."
            ),
        ),
    ],
)
async def test_a_mistake_is_answered_with_one_sentence(
    client: Client, tool: str, arguments: dict[str, Any], sentence: str
) -> None:
    """The tool's or the engine's own, without prefix, trace or pydantic's words."""
    result = await client.call_tool(tool, arguments)
    assert (result.is_error, _text(result), result.structured_content) == (True, sentence, None)


async def test_a_bug_is_logged_and_says_nothing_of_itself(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """The exception's text may name paths or secrets."""
    caplog.set_level(logging.ERROR)
    result = await client.call_tool("query", {"query": "bug"})
    assert result.is_error
    assert _text(result) == "query failed because of a fault in the server, which has logged it. Try another call."
    (record,) = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "a secret path"


async def test_an_index_that_cannot_be_opened_is_an_error_of_the_call() -> None:
    """The operator's sentence; discovery works all the same."""

    async def closed() -> Engine:
        raise EmptyIndexError("here")

    async with Client(Application(Tools(closed))) as client:
        assert len((await client.list_tools()).tools) == 6
        result = await client.call_tool("status", {})
    assert (result.is_error, _text(result)) == (True, str(EmptyIndexError("here")))


async def test_a_hanging_call_delays_no_other(client: Client) -> None:
    """And its cancellation ends it."""
    with anyio.fail_after(5):
        async with anyio.create_task_group() as calls:
            calls.start_soon(client.call_tool, "query", {"query": "hang"})
            assert not (await client.call_tool("query", {"query": "x"})).is_error
            calls.cancel_scope.cancel()


async def test_whoever_waits_hears_that_the_tools_were_listed(engine: FakeEngine) -> None:
    """The signal to begin with heavy work."""
    heard: list[str] = []

    async def opened() -> Engine:
        return engine

    async with Client(Application(Tools(opened), listed=lambda: heard.append("listed"))) as client:
        assert heard == []
        await client.list_tools()
    assert heard == ["listed"]
