"""Whatever is sent, the server answers, in time, and gives nothing away; at length in benchmarks/fuzz/."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.http_server import HttpServer, Reply, http_server
from tests.fakes import STATUS

NAMES = st.sampled_from(
    ["query", "limit", "collections", "tags", "after", "sort", "min_score", "document", "documents", "from_line", "q"]
)
SPECIAL = st.sampled_from(
    [
        *('"', "-x", "-abc", "path:", "tag:", "-tag:a", "after:2026", "kub*", "[[", "]]", "#L1", "✅", "..", "%2e%2e"),
        *("/etc/passwd", "\0", "\ud800", "#", ":1:2", "qmd://", "\n"),
    ]
)
TEXT = st.lists(SPECIAL | st.text(max_size=4), max_size=6).map("".join).filter(lambda text: text not in {"bug", "hang"})
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(NAMES | TEXT, JSON, max_size=4) | JSON
SAFE = st.sampled_from(["", "/", "/%:"])
TOOLS = st.sampled_from(["query", "search", "vsearch", "get_document", "get_documents", "status"]) | TEXT
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[HttpServer]:
    """One for all; it must be well at the end."""
    with http_server("fake", tmp_path_factory.mktemp("index")) as server:
        yield server
        assert server.get("/health").json["status"] == "open"


def _is_harmless(reply: Reply) -> None:
    assert reply.status < 500
    for hidden in ("Traceback", "site-packages", "because of a fault", STATUS.index):
        assert hidden not in reply.text


@given(mode=st.sampled_from(["query", "search", "vsearch"]), arguments=ARGUMENTS)
def test_any_arguments_over_rest(server: HttpServer, mode: str, arguments: Any) -> None:
    reply = server.post(f"/{mode}", arguments)
    _is_harmless(reply)
    assert reply.status == 200 or set(reply.json) == {"error"}


@given(tool=TOOLS, arguments=ARGUMENTS)
def test_any_arguments_over_mcp(server: HttpServer, tool: str, arguments: Any) -> None:
    params = {"name": tool, "arguments": arguments, "_meta": ENVELOPE}
    shown = tool if tool.isascii() and tool.isprintable() else quote(tool.encode(errors="replace"))
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": shown.strip(),
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    _is_harmless(server.post("/mcp", message, headers))


@given(
    reference=TEXT, parameters=st.dictionaries(NAMES | TEXT, TEXT, max_size=2), safe=st.sampled_from(["", "/", "/%:"])
)
def test_any_reference(server: HttpServer, reference: str, parameters: dict[str, str], safe: str) -> None:
    def shown(text: str) -> str:
        return quote(text.encode(errors="replace"), safe=safe)

    queries = "&".join(f"{shown(name)}={shown(value)}" for name, value in parameters.items())
    _is_harmless(server.get(f"/documents/{shown(reference)}?{queries}"))


@given(path=st.sampled_from(["/query", "/mcp", "/messages/?session_id=" + "0" * 32]), data=st.data())
def test_any_body(server: HttpServer, path: str, data: st.DataObject) -> None:
    whole = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": data.draw(ARGUMENTS)}).encode()
    body = data.draw(st.binary(max_size=60) | st.integers(0, len(whole)).map(lambda end: whole[:end]))
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    _is_harmless(server.request("POST", path, body=body, headers=headers))
