"""Clients that others have written find what ours finds; skipped, with the reason, where npm cannot get them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from qmd_mcp.application.engine import open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.settings import IndexLocation, Settings
from tests.e2e.http_server import PROJECT, HttpServer, http_server
from tests.e2e.npm_clients import NoClientsError, NpmClients, installed_clients

pytestmark = pytest.mark.endurance

TOOLS = ["query", "search", "vsearch", "get_document", "get_documents", "status"]

GENERIC = {
    *("server-initialize", "ping", "tools-list", "resources-list", "prompts-list", "completion-complete"),
    *("dns-rebinding-protection", "server-sse-multiple-streams"),
}
"""Scenarios of the conformance suite that any server can meet."""

FURNISHED = {"resources-templates-read", "prompts-get-simple", "prompts-get-with-args", "resources-read-text"}
"""Scenarios that ask for `test://template/123/data`, `test_simple_prompt` and others by name."""


@pytest.fixture(scope="module")
def clients() -> NpmClients:
    """The packages, or the reason why not."""
    try:
        return installed_clients()
    except NoClientsError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One note, where the fake engine has its own."""
    folder = tmp_path_factory.mktemp("npm")
    notes = folder / "notes"
    (notes / "runbooks").mkdir(parents=True)
    (notes / "runbooks" / "postgres.md").write_text(
        "# Failover\n\nPromote the standby when the primary database is gone.\n"
    )

    async def build() -> None:
        async with open_engine(Settings(), IndexLocation(str(folder / "index")), create=True) as engine:
            await engine.writing.add_collection(Collection("notes", notes, ("**/*.md",)))
            await engine.writing.update(embed=False)

    anyio.run(build)
    return folder / "index"


@pytest.fixture(scope="module")
def server(index: Path, clients: NpmClients) -> Generator[HttpServer]:
    """The real one."""
    with http_server("real", index) as server:
        yield server


def alone(index: Path) -> list[str]:
    """A server over standard input and output that forwards to nobody; with the fake engine, which starts sooner."""
    return [sys.executable, "-m", "tests.e2e.stdio_process", "fake", str(index), "alone"]


def test_both_editions_of_the_typescript_client_are_served_over_both_transports(
    clients: NpmClients, server: HttpServer, index: Path
) -> None:
    done = clients.run("npm_client.cjs", str(clients.folder), f"{server.url}/mcp", *alone(index), cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    told = {
        "server": "qmd-mcp",
        "tools": TOOLS,
        "hits": ["notes/runbooks/postgres.md"],
        "mistake": [
            True,
            (
                "search does not take 'q' (use 'query'); it takes query, limit, collections, "
                "tags, after, before, sort, min_score."
            ),
        ],
        "read": True,
        "prompt": True,
        "completed": ["notes/runbooks/postgres.md"],
    }
    assert json.loads(done.stdout) == {
        f"{edition} edition over {transport}": told
        for edition in ("first", "second")
        for transport in ("streamable HTTP", "stdio")
    }


@pytest.mark.parametrize("transport", ["streamable HTTP", "stdio"])
def test_the_command_line_of_the_inspector_lists_the_tools_and_calls_search(
    clients: NpmClients, server: HttpServer, index: Path, transport: str
) -> None:
    target = [f"{server.url}/mcp", "--transport", "http"] if transport == "streamable HTTP" else alone(index)

    def ask(*method: str) -> object:
        done = clients.run("mcp-inspector", "--cli", *target, "--method", *method, cwd=PROJECT)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    listed = ask("tools/list")
    found = ask("tools/call", "--tool-name", "search", "--tool-arg", "query=standby")
    assert isinstance(listed, dict)
    assert isinstance(found, dict)
    assert [tool["name"] for tool in listed["tools"]] == TOOLS
    (content,) = found["content"]
    assert "\n1. notes/runbooks/postgres.md:" in content["text"]


def test_the_conformance_suite_passes_wherever_it_asks_for_nothing_of_its_own(
    clients: NpmClients, server: HttpServer, tmp_path: Path
) -> None:
    assert passed(clients, server, tmp_path) >= GENERIC


def test_the_conformance_suite_passes_where_its_fixtures_are_there(clients: NpmClients, tmp_path: Path) -> None:
    """Named prompts and resources, added to the same application behind the same HTTP routes."""
    with http_server("furnished", tmp_path / "index") as server:
        assert passed(clients, server, tmp_path) >= GENERIC | FURNISHED


def passed(clients: NpmClients, server: HttpServer, folder: Path) -> set[str]:
    """Scenarios of the suite that a server passed; a whole run is one process, a run for each would be thirty."""
    done = clients.run(
        "conformance", "server", "--url", f"{server.url}/mcp", "--suite", "active", "-o", str(folder), cwd=folder
    )
    return set(re.findall(r"^✓ ([\w-]+):", done.stdout, re.MULTILINE))
