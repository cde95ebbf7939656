"""An index of four pages, models whose answers are known beforehand, and how tests ask `query`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import numpy as np

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.domain.answers import Answer, Stage
from qmd_mcp.domain.documents import Collection, SubQuery
from qmd_mcp.domain.lookup import Expansion, Reranking
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.errors import ModelError
from qmd_mcp.settings import IndexLocation, Settings

PAGES = {
    "failover.md": "# Failover\n\nWhen the primary database is lost, promote the standby with pg_ctl promote.\n",
    "backup.md": "# Backups\n\nEvery night the database is dumped and copied to another site.\n",
    "vacation.md": "# Vacation\n\nAsk the office two weeks before you leave.\n",
    "deploy.md": "# Deploying\n\nPush the tag, wait for the pipeline, then switch the traffic over.\n",
}


class Contrary:
    """A reranker that prefers texts with the fewest of the query's words, and records what it was asked."""

    provider = "CPUExecutionProvider"

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...], str | None]] = []

    async def score(self, query: str, texts: Sequence[str], *, intent: str | None) -> Reranking:
        self.asked.append((query, tuple(texts), intent))
        words = set(query.lower().split())
        logits = [48.0 - 24.0 * len(words & set(text.lower().split())) for text in texts]
        return Reranking(np.array(logits, dtype=np.float32), batches=(len(texts),))


class Endless:
    """An expander and reranker that never answers."""

    provider = "CPUExecutionProvider"

    async def score(self, query: str, texts: Sequence[str], *, intent: str | None) -> Reranking:
        await anyio.sleep_forever()
        raise AssertionError

    async def expand(self, query: str) -> Expansion:
        await anyio.sleep_forever()
        raise AssertionError

    def forget(self, query: str) -> None:
        raise AssertionError


class Knowing:
    """An expander that writes the same lines for every query."""

    provider = "CPUExecutionProvider"

    def __init__(self, *lines: SubQuery) -> None:
        self.lines = lines
        self.forgotten: list[str] = []

    async def expand(self, query: str) -> Expansion:
        return Expansion(self.lines)

    def forget(self, query: str) -> None:
        self.forgotten.append(query)


class Broken:
    """An expander and reranker whose model cannot be loaded."""

    provider = None

    async def score(self, query: str, texts: Sequence[str], *, intent: str | None) -> Reranking:
        raise ModelError(BROKEN)

    async def expand(self, query: str) -> Expansion:
        raise ModelError(BROKEN)

    def forget(self, query: str) -> None:
        raise AssertionError


BROKEN = "The model file model.onnx cannot be loaded: it is damaged"


@asynccontextmanager
async def open_pages(folder: Path, pages: Mapping[str, str] = PAGES, *, embed: bool = True) -> AsyncGenerator[Engine]:
    """An engine whose index holds the pages, indexed and embedded unless told otherwise."""
    notes = folder / "notes"
    notes.mkdir()
    for name, text in pages.items():
        (notes / name).parent.mkdir(parents=True, exist_ok=True)
        (notes / name).write_text(text, encoding="utf-8")
    settings = Settings(refresh_seconds=3600)
    async with open_engine(settings, IndexLocation(str(folder / "index")), create=True) as opened:
        await opened.writing.add_collection(Collection("notes", notes, ("**/*.md",)))
        await opened.writing.update(embed=embed)
        yield opened


async def ask(engine: Engine, query: str, **changes: Any) -> Answer:
    """Ask with another expander or reranker, or with other arguments."""
    searches = engine.searching_with(expander=changes.pop("expander", None), reranker=changes.pop("reranker", None))
    return await searches.query(QueryRequest(query, **changes))


def stage(answer: Answer, name: str) -> Stage:
    (found,) = (each for each in answer.stages if each.name == name)
    return found


def paths(answer: Answer) -> list[str]:
    return [hit.path for hit in answer.hits]
