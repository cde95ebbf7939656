"""Whoever floods a server with connections, bodies or sessions does not keep an honest client waiting."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from qmd_mcp.application.engine import open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.settings import locate_index, read_settings
from tests.security.server.flood import INITIALIZE
from tests.security.server.flooding import attacked, flood

LONGEST_LOG = 10_000_000
FLOOD_SECONDS = 15


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """An index with one document, and a place for run files."""
    folder = tmp_path_factory.mktemp("flooded")
    (folder / "notes").mkdir()
    (folder / "notes" / "failover.md").write_text("# Failover\n\nPromote the standby.\n")
    settings = read_settings(index=str(folder / "index"))

    async def build() -> None:
        async with open_engine(settings, locate_index(settings, start=folder), create=True) as engine:
            await engine.writing.add_collection(Collection("notes", root=folder / "notes", globs=("**/*.md",)))
            await engine.writing.update()

    anyio.run(build)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder / "index"


@pytest.mark.attack
@pytest.mark.parametrize(
    ("kind", "clients"), [("half-open", 1_100), ("bodies", 300), ("sessions", 300), ("streams", 300), ("unread", 16)]
)
def test_an_honest_search_is_answered_throughout_a_flood(
    index: Path, kind: str, clients: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over REST and over MCP, each within two seconds; the log stays short and the server ends in order."""
    accept = {"Accept": "application/json, text/event-stream"}
    with attacked(index) as server:
        with flood(kind, server, clients):
            worst = server.worst(FLOOD_SECONDS, "POST", "/search", {"query": "standby"})
            assert server.ask("GET", "/health") == 200
            opened = server.worst(2, "POST", "/mcp", json.loads(INITIALIZE), **accept)
        with capsys.disabled():
            sys.stdout.write(
                f"\n{kind}: search {worst:.3f} s, initialize {opened:.3f} s, log {server.logged():,} bytes\n"
            )
        assert server.logged() < LONGEST_LOG
