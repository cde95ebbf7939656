"""Whatever an index or a client calls things: nothing that leaves a tool, a resource, a route or the log hides it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from qmd_mcp.application.engine_protocols import Engine
from qmd_mcp.domain.answers import Answer, Excerpt, Excerpts, Stage
from qmd_mcp.domain.documents import Collection, Context
from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.errors import DocumentNotFoundError, UnknownCollectionError
from qmd_mcp.log_lines import LogLines
from qmd_mcp.presentation.rendering import render
from qmd_mcp.server.clients.proof import ServerIdentity
from qmd_mcp.server.clients.registered_clients import ClientTokens
from qmd_mcp.server.http.prometheus import Metrics
from qmd_mcp.server.http.traffic import Traffic
from qmd_mcp.server.http.web_application import web_application
from qmd_mcp.server.mcp.mcp_application import Application
from qmd_mcp.server.mcp.tools import Tools
from qmd_mcp.settings import IndexLocation, read_settings
from tests.fakes import FakeEngine, FakeReading, FakeSearching
from tests.hostile_names import ESCAPE, HOSTILE, LINE_OF_A_FILE, filled, hidden_in, strings_of

SENT = HOSTILE.encode("utf-8", "replace").decode()
"""The name as a client can send it, without halves of surrogate pairs."""


class HostileSearching(FakeSearching):
    """Finds a hit whose every text is a hostile name; a query of that name is about a collection that is not there."""

    async def _answer(self, mode: Any, request: Any) -> Answer:
        if request.query == SENT:
            raise UnknownCollectionError(HOSTILE, known=[HOSTILE])
        answer: Answer = filled(Answer, HOSTILE)
        return answer


class HostileReading(FakeReading):
    """Has documents of that name, and suggests them in place of those that it does not have."""

    async def get(self, reference: str, **_: Any) -> Excerpt:
        if reference == SENT:
            raise DocumentNotFoundError(reference, similar=(HOSTILE,))
        excerpt: Excerpt = filled(Excerpt, HOSTILE)
        return excerpt

    async def get_many(self, patterns: Any, **_: Any) -> Excerpts:
        excerpts: Excerpts = filled(Excerpts, HOSTILE)
        return excerpts

    async def keys(self) -> tuple[str, ...]:
        return (f"notes/{HOSTILE}", f"{HOSTILE}/a.md")


@dataclass(slots=True)
class HostileEngine(FakeEngine):
    """An engine over an index that somebody has planted."""

    searching: FakeSearching = field(default_factory=HostileSearching)
    reading: FakeReading = field(default_factory=HostileReading)

    async def collections(self) -> dict[str, Collection]:
        return {HOSTILE: Collection(HOSTILE, Path("/x"), ("*",), contexts=(Context("", HOSTILE),))}

    async def status(self) -> IndexStatus:
        status: IndexStatus = filled(IndexStatus, HOSTILE)
        return status


@pytest.fixture
def application() -> Application:
    async def opened() -> Engine:
        return HostileEngine()

    return Application(Tools(opened, structured="always"))


CALLS: list[tuple[str, dict[str, Any]]] = [
    *((tool, {"query": query}) for tool in ("search", "vsearch", "query") for query in ("x", SENT)),
    *(("get_document", {"document": document}) for document in ("x", SENT)),
    ("get_documents", {"documents": [SENT]}),
    ("status", {}),
    ("query", {"query": "x", SENT: SENT}),
    ("query", {"query": "x", "limit": SENT, "options": {SENT: SENT}}),
    (SENT, {SENT: SENT}),
]


@pytest.mark.anyio
async def test_no_answer_and_no_error_of_a_tool_hides_anything(application: Application) -> None:
    shown: list[str] = []

    async def progress(_done: float, _total: float | None, message: str | None) -> None:
        shown.append(message or "")

    await application.describe(HostileEngine(), contexts="with")
    async with Client(application, mode="legacy") as client:
        shown.append(client.instructions or "")
        assert HOSTILE[:1] in shown[0]
        for tool, arguments in CALLS:
            result = await client.call_tool(tool, arguments, progress_callback=progress)
            assert result.is_error == (SENT in (tool, *arguments.values()) or "limit" in arguments or SENT in arguments)
            texts = [getattr(content, "text", "") for content in result.content]
            assert all(texts)
            shown += texts
            shown += strings_of(result.structured_content or {})
    assert not any(map(hidden_in, shown))
    assert any(ESCAPE[:1] + "␛" in text for text in shown)


@pytest.mark.anyio
async def test_no_resource_prompt_or_completion_hides_anything(application: Application) -> None:
    async with Client(application, mode="legacy") as client:
        read = await client.read_resource("qmd://x")
        prompt = await client.get_prompt("search_guide", {"question": SENT})
        path = ResourceTemplateReference(type="ref/resource", uri="qmd://{+path}")
        completion = await client.complete(path, {"name": "path", "value": ""})
        shown = [
            *(getattr(content, "text", "") for content in read.contents),
            *(getattr(message.content, "text", "") for message in prompt.messages),
            *completion.completion.values,
        ]
        for failing in (
            lambda: client.read_resource(f"qmd://{SENT}"),
            lambda: client.read_resource(f"other://{SENT}"),
            lambda: client.get_prompt(SENT),
            lambda: client.get_prompt("search_guide", {SENT: SENT}),
            lambda: client.complete(PromptReference(type="ref/prompt", name=SENT), {"name": SENT, "value": SENT}),
        ):
            try:
                answer = await failing()
            except MCPError as error:
                shown.append(str(error))
            else:
                shown += strings_of(answer.model_dump(mode="json"))
    assert not any(map(hidden_in, shown))


@pytest.fixture
async def web(application: Application, tmp_path: Path) -> AsyncGenerator[httpx2.AsyncClient]:
    routes = web_application(
        application,
        settings=read_settings(no_token=True),
        traffic=Traffic(max_requests=100, max_streams=100, max_body_bytes=1_000_000, idle_seconds=60),
        metrics=Metrics(),
        state=lambda: "open",
        identity=ServerIdentity("http://127.0.0.1:7337", "a secret"),
        clients=ClientTokens(IndexLocation(str(tmp_path))),
    )
    transport = httpx2.ASGITransport(app=routes)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:7337") as client:
        yield client


@pytest.mark.anyio
async def test_no_answer_and_no_error_of_a_route_hides_anything(web: httpx2.AsyncClient) -> None:
    replies = [
        *[
            await web.post(f"/{tool}", json=arguments)
            for tool, arguments in CALLS
            if tool in {"search", "vsearch", "query"}
        ],
        await web.get("/documents/x"),
        await web.get("/documents/" + "".join(f"%{byte:02x}" for byte in SENT.encode())),
        await web.get("/documents/x", params={SENT: SENT}),
        await web.post("/query", content=SENT.encode(), headers={"Content-Type": "application/json"}),
        await web.get("/%1b%e2%80%ae"),
        await web.get("/openapi.json"),
        await web.get("/health"),
    ]
    assert {reply.status_code for reply in replies} == {200, 400, 404}
    for reply in replies:
        for text in strings_of(reply.json()):
            assert not hidden_in(text)
            assert "\n" not in text or text == LINE_OF_A_FILE or "data from files" in text


def test_no_line_of_the_log_forges_another() -> None:
    fault = RuntimeError(HOSTILE)
    record = logging.LogRecord(
        "x", logging.ERROR, __file__, 1, "%s failed", (HOSTILE,), exc_info=(RuntimeError, fault, None)
    )
    first, *trace = LogLines().format(record).split("\n")
    assert first.startswith("qmd-mcp: ERROR: a␛[31m")
    assert trace
    assert all(line.startswith("    ") for line in trace)
    assert not hidden_in("\n".join(trace))


def test_a_stage_that_is_told_of_stays_on_its_line() -> None:
    stage: Stage = filled(Stage, HOSTILE)
    answer = Answer(query="x", hits=(), stages=(stage,))
    assert not hidden_in(render(answer))
