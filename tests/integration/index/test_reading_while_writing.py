"""Sixteen clients search while the index is written: every answer is of one state of it, and none fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import anyio
import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.application.model_roles import open_models
from qmd_mcp.corpus.isolation.isolated_reading import IsolatedReading
from qmd_mcp.domain.answers import Answer
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.generation import Generation, freeze, switch
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.open_index import OpenIndex
from qmd_mcp.store.tables.passage_table import PassageTable

pytestmark = pytest.mark.anyio

SETTINGS = Settings()
CLIENTS = 16
PAGES = 8
OLDER = Generation("000000000000", "mini", 384)
Ask = Callable[[], Awaitable[Answer]]


def write(folder: Path, edition: str) -> None:
    """Every page anew; it keeps its name, its length and the word that is searched for."""
    folder.mkdir(exist_ok=True)
    for number in range(PAGES):
        (folder / f"{number}.md").write_text(
            f"# Page {number}\n\nA zeppelin of the {edition} edition, number {number}.\n"
        )


def asks(engine: Engine) -> tuple[Ask, ...]:
    """Each way to search, for every page."""
    return (
        lambda: engine.searching.search(SearchRequest("zeppelin", limit=50)),
        lambda: engine.searching.vsearch(SearchRequest("an airship", limit=50)),
        lambda: engine.searching.query(QueryRequest("zeppelin edition", limit=50)),
    )


async def searched(engine: Engine, work: Callable[[], Awaitable[object]]) -> list[Answer]:
    """What the clients were answered before, during and after the work."""
    answers: list[Answer] = []
    finished = anyio.Event()

    async def client(ask: Ask) -> None:
        last = False
        while not last:
            last = finished.is_set()  # once more after the end
            answers.append(await ask())

    async with anyio.create_task_group() as group:
        for number in range(CLIENTS):
            group.start_soon(client, asks(engine)[number % 3])
        await work()
        finished.set()
    return answers


def editions(answer: Answer) -> dict[str, set[str]]:
    """Which editions of each page an answer has."""
    found: dict[str, set[str]] = {}
    for hit in answer.hits:
        found.setdefault(hit.path, set()).add("second" if "second" in hit.snippet else "first")
    return found


@pytest.fixture
async def location(tmp_path: Path) -> IndexLocation:
    """The first edition, indexed."""
    location = IndexLocation(str(tmp_path / "index"))
    write(tmp_path / "pages", "first")
    async with open_engine(SETTINGS, location, create=True) as engine:
        await engine.writing.add_collection(Collection("pages", tmp_path / "pages", ("**/*.md",)))
        await engine.writing.update()
    return location


@asynccontextmanager
async def older_engine(location: IndexLocation) -> AsyncGenerator[Engine]:
    """A process of an earlier version of the program, with the index as that version made it."""
    database = await Database.open(location.uri)
    async with open_engine(SETTINGS, location) as engine:
        passages = await engine.passages()
        vectors = await engine.embedder.embed_passages([passage.embedded_text for passage in passages])
    table = await PassageTable.open(database, fingerprint=OLDER.fingerprint, dimension=OLDER.dimension)
    await table.add(passages, list(vectors))
    await switch(database, OLDER)
    index = await OpenIndex.open(database, location=location, generation=OLDER)
    embedder = user_catalogue().embedder("mini")
    async with open_models(SETTINGS, embedder) as models:
        with closing(IsolatedReading(embedder.folder / "tokenizer.json")) as reading:
            yield Engine(index, settings=SETTINGS, embedder=embedder, models=models, reading=reading)
    database.close()


@pytest.mark.endurance
async def test_pages_that_change_in_place_are_found_in_one_edition_or_the_other(
    tmp_path: Path, location: IndexLocation
) -> None:
    """Another process updates the index, and back again."""

    async def work() -> None:
        async with open_engine(SETTINGS, location) as writer:
            for edition in ("second", "first"):
                write(tmp_path / "pages", edition)
                await writer.writing.update()

    async with open_engine(SETTINGS, location) as engine:
        await engine.warm()
        answers = await searched(engine, work)
        last = [await ask() for ask in asks(engine)]
    for answer in answers:
        assert set(editions(answer)) == {f"{number}.md" for number in range(PAGES)}
        assert all(len(found) == 1 for found in editions(answer).values())
    assert all(editions(answer) == {f"{number}.md": {"first"} for number in range(PAGES)} for answer in last)


async def test_a_rebuild_is_seen_whole_or_not_at_all(tmp_path: Path, location: IndexLocation) -> None:
    """Who has the old generation open answers from it as it was, and learns that its time is over."""

    async def work() -> None:
        write(tmp_path / "pages", "second")
        (tmp_path / "pages" / "0.md").unlink()
        async with open_engine(SETTINGS, location, rebuild=True) as writer:
            await writer.writing.rebuild()

    async with older_engine(location) as engine:
        await engine.warm()
        answers = await searched(engine, work)
        with anyio.fail_after(5):
            await engine.superseded()
    first = {f"{number}.md": {"first"} for number in range(PAGES)}
    assert all(editions(answer) == first for answer in answers)
    async with open_engine(SETTINGS, location) as engine:
        for ask in asks(engine):
            assert editions(await ask()) == {f"{number}.md": {"second"} for number in range(1, PAGES)}


async def test_a_rebuild_that_died_while_it_replaced_documents_is_taken_back_by_the_next_update(
    tmp_path: Path, location: IndexLocation
) -> None:
    """The generation that serves has no passages for what the dead process published."""
    database = await Database.open(location.uri)
    async with open_engine(SETTINGS, location) as engine:
        index = await OpenIndex.open(database, location=location, generation=OLDER)
        serving = Generation((await engine.status()).generation, "mini", 384)
        await freeze(database, serving, documents=index.documents)
        await index.documents.remove(await index.documents.keys())
        for ask in asks(engine):
            assert set(editions(await ask())) == {f"{number}.md" for number in range(PAGES)}
        assert (await engine.writing.update()).unchanged == PAGES
        write(tmp_path / "pages", "second")
        assert (await engine.writing.update()).updated == PAGES
        for ask in asks(engine):
            assert editions(await ask()) == {f"{number}.md": {"second"} for number in range(PAGES)}
    database.close()
