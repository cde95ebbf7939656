"""Renaming a collection that is interrupted after each of its steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.application.renaming import RENAMING
from qmd_mcp.domain.documents import Collection, docid_of
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.settings import IndexLocation, Settings

pytestmark = pytest.mark.anyio

Step = Callable[[Engine], Awaitable[None]]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in ("zeppelins", "submarines", "lentils"):
        (folder / f"{name}.md").write_text(f"# {name.title()}\n\nA page about {name}.\n")
    async with open_engine(Settings(), IndexLocation(str(tmp_path / "index")), create=True) as engine:
        await engine.writing.add_collection(Collection("notes", folder, ("**/*.md",)))
        await engine.writing.update()
        yield engine


async def noted(engine: Engine) -> None:
    """It died after it had noted what it was about to do."""
    await engine._index.database.put(**{RENAMING: '["notes", "wiki"]'})


async def registered(engine: Engine) -> None:
    """It died after the new name was registered."""
    await noted(engine)
    await engine._index.collections.put(replace((await engine.collections())["notes"], name="wiki"))


async def copied(engine: Engine) -> None:
    """It died after the passages had been written under the new name."""
    await registered(engine)
    documents = await engine._index.documents.of_collection("notes")
    new = {each.docid: docid_of("wiki", each.path, each.content_hash, reading=each.reading) for each in documents}
    await engine._index.passages.copy(new, collection="wiki")


async def exchanged(engine: Engine) -> None:
    """It died after the documents had been exchanged."""
    await copied(engine)
    documents = await engine._index.documents.of_collection("notes")
    new = [
        replace(each, collection="wiki", docid=docid_of("wiki", each.path, each.content_hash, reading=each.reading))
        for each in documents
    ]
    await engine._index.documents.exchange("notes", new)


@pytest.mark.parametrize(
    ("step", "go_on"), [(noted, "rename"), (registered, "update"), (copied, "rename"), (exchanged, "update")]
)
async def test_the_next_writer_goes_on_with_it(engine: Engine, step: Step, go_on: str) -> None:
    before = Counter((each.path, each.ordinal, each.text) for each in await engine.passages())
    await step(engine)
    if go_on == "rename":
        await engine.writing.rename_collection("notes", "wiki")
    else:
        summary = await engine.writing.update()
        assert (summary.added, summary.removed, summary.embedded) == (0, 0, 0)
    assert list(await engine.collections()) == ["wiki"]
    passages = await engine.passages()
    assert Counter((each.path, each.ordinal, each.text) for each in passages) == before
    assert {each.collection for each in passages} == {"wiki"}
    status = await engine.status()
    assert (status.documents, status.embedded) == (3, 3)
    for kind in (engine.searching.search, engine.searching.vsearch):
        assert (await kind(SearchRequest("zeppelins"))).hits[0].uri == "qmd://wiki/zeppelins.md"
