"""Whatever files, folders and arguments are called: nothing that leaves a tool, a route or a command hides anything."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference

from qmd_mcp.application.engine_protocols import Engine
from qmd_mcp.cli import run
from qmd_mcp.domain.answers import Answer, Excerpt, Excerpts, Stage
from qmd_mcp.domain.documents import Collection, Context
from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.errors import DocumentNotFoundError, UnknownCollectionError
from qmd_mcp.log_lines import LogLines
from qmd_mcp.presentation.rendering import render
from qmd_mcp.server.http.prometheus import Metrics
from qmd_mcp.server.http.traffic import Traffic
from qmd_mcp.server.http.web_application import web_application
from qmd_mcp.server.mcp.mcp_application import Application
from qmd_mcp.server.mcp.tools import Tools
from qmd_mcp.settings import read_settings
from tests.fakes import FakeEngine, FakeReading, FakeSearching
from tests.hostile_names import ESCAPE, HOSTILE, LINE_OF_A_FILE, SMUGGLED, filled, hidden_in, strings_of

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
async def web(application: Application) -> AsyncGenerator[httpx2.AsyncClient]:
    routes = web_application(
        application,
        settings=read_settings(),
        traffic=Traffic(max_requests=100, max_streams=100, idle_seconds=60),
        metrics=Metrics(),
        state=lambda: "open",
        instance="hostile",
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


NAMES = [
    "a\x1b[31m.md",
    "b\nc.md",
    "d\u202egnp.md",
    "e\U000e0049\U000e0067.md",
    "f" + "".join(chr(0xE0100 + each) for each in b"obey") + ".md",
    "g\u200b\r.md",
]


@pytest.fixture
def qmd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str]]]:
    """Runs a command in this process, and returns its exit code and the lines that it printed anywhere."""
    for name in [name for name in os.environ if name.startswith("QMD_")]:
        monkeypatch.delenv(name)
    for name in ("DATA", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> tuple[int, list[str]]:
        capsys.readouterr()
        code = run(arguments)
        written = capsys.readouterr()
        printed = written.out + written.err
        assert not hidden_in(printed), arguments
        return code, printed.removesuffix("\n").split("\n")

    return command


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no files of such names")
def test_no_command_prints_what_a_name_hides(qmd: Callable[..., tuple[int, list[str]]], tmp_path: Path) -> None:
    root = tmp_path / f"root{ESCAPE}{SMUGGLED}".replace("/", "")
    root.mkdir()
    for name in NAMES:
        (root / name).write_text(f"# Title {ESCAPE}\n\nPromote the standby {SMUGGLED}.\n")
    (root / "skipped\x1b[2J\nskipped 9: none.md").write_bytes(b"\0\1\2")
    code, lines = qmd("collection", "add", str(root), "--name", "notes", "--no-embed")
    assert code == 0
    assert [line for line in lines if line.startswith("notes: 6 added")]
    assert [line for line in lines if line.startswith("  skipped 1: binary (such as skipped␛[2J␊skipped 9: none.md)")]
    assert qmd("context", "add", "notes", HOSTILE)[0] == 0
    for arguments, expected, most_lines in (
        (["collection", "list"], 0, 2),
        (["context", "list"], 0, 1),
        (["collection", "rename", "notes", f"n{HOSTILE}"], 1, 1),
        (["collection", "rename", "notes", "n" + "".join(chr(0xE0100 + each) for each in b"obey")], 1, 1),
        (["collection", "remove", HOSTILE], 3, 1),
        (["context", "rm", HOSTILE], 3, 1),
        (["context", "add", HOSTILE, HOSTILE], 3, 1),
        (["status"], 0, 9),
        (["status", "--json"], 0, 99),
        (["search", "standby"], 0, 99),
        (["search", "standby", "--json"], 0, 999),
        (["search", "standby", "--collection", HOSTILE], 3, 1),
        (["search", f'path:"{HOSTILE}" standby'], 0, 9),
        (["get", f"notes/{NAMES[0]}"], 0, 99),
        (["get", "notes/a.md"], 3, 1),
        (["get", HOSTILE], 3, 1),
        (["multi-get", "notes/*", HOSTILE], 0, 99),
        (["multi-get", HOSTILE], 0, 9),
        (["update", "--collection", HOSTILE], 3, 1),
        (["update"], 0, 5),
        (["models", "list", HOSTILE], 2, 1),
        (["models", "verify", HOSTILE], 1, 1),
        (["models", "pull", HOSTILE], 1, 1),
        (["models", "pull", "mini", "--device", HOSTILE], 2, 1),
        (["eval", HOSTILE], 3, 1),
        (["eval", "x", "--mode", HOSTILE], 2, 1),
        (["client-config", HOSTILE], 2, 1),
        (["client-config", "claude"], 0, 99),
        ([HOSTILE], 2, 1),
        ([f"--{HOSTILE}"], 2, 1),
        (["search", "x", "--limit", HOSTILE], 2, 1),
        (["--index", HOSTILE.replace("\0", ""), "status"], 1, 1),
        (["--index", HOSTILE, "client-config", "claude"], 0, 99),
        (["collection", "add", HOSTILE], 1, 1),
        (["serve", "--port", HOSTILE], 2, 1),
    ):
        code, lines = qmd(*arguments)
        assert (code, len(lines) <= most_lines) == (expected, True), (arguments, lines)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no files of such names")
def test_a_document_with_a_hostile_name_is_read_by_its_uri(
    qmd: Callable[..., tuple[int, list[str]]], tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / NAMES[2]).write_text("Promote the standby.\n")
    qmd("collection", "add", "notes", "--no-embed")
    (hit,) = json.loads("\n".join(qmd("search", "standby", "--json")[1]))["hits"]
    assert (hit["path"], hit["uri"]) == ("d\ufffdgnp.md", "qmd://notes/d%E2%80%AEgnp.md")
    assert qmd("get", hit["uri"])[0] == 0


def test_a_clients_configuration_names_the_very_index(qmd: Callable[..., tuple[int, list[str]]]) -> None:
    code, lines = qmd("--index", f"/{HOSTILE}", "client-config", "claude")
    configured = json.loads("\n".join(lines[:-1]))
    assert (code, configured["mcpServers"]["qmd-mcp"]["args"][1]) == (0, f"/{HOSTILE}")


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
