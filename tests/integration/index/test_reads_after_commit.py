"""What many callers cause to be read from the tables after one commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import anyio
import lancedb
import pytest

from qmd_mcp.corpus.library.document_library import Library
from qmd_mcp.domain.answers import Answer
from qmd_mcp.domain.documents import Collection, Document, Passage, docid_of
from qmd_mcp.retrieval.consistent_reads import ConsistentReads
from qmd_mcp.retrieval.stage_log import StageLog
from qmd_mcp.settings import IndexLocation
from qmd_mcp.store.generation import Generation, freeze
from qmd_mcp.store.generation_watch import Following
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.lance.schema import DOCUMENTS
from qmd_mcp.store.open_index import OpenIndex
from qmd_mcp.store.tables.document_table import DocumentTable
from tests.reading_here import ReadingHere

pytestmark = pytest.mark.anyio

CALLERS = 30
GENERATION = Generation("f1", "mini", 4)


def document(name: str, *, content: str = "1") -> Document:
    return Document(docid_of("notes", name, content), "notes", name, "T", content, 1, 2, 3, 4)


def passage(ordinal: int) -> Passage:
    return Passage(document("a.md").docid, "notes", "a.md", "T", ordinal, (), "", f"text {ordinal}", 1, 1, 0, 6)


async def open_index(uri: str) -> OpenIndex:
    database = await Database.create(uri)
    return await OpenIndex.open(database, location=IndexLocation(uri), generation=GENERATION)


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[OpenIndex]:
    """The index as the callers' process has it open."""
    index = await open_index(str(tmp_path / "index"))
    yield index
    index.database.close()


@pytest.fixture
async def writer(tmp_path: Path, index: OpenIndex) -> AsyncIterator[OpenIndex]:
    """The same index, opened a second time by whoever writes it."""
    writer = await open_index(index.database.uri)
    await writer.collections.put(Collection("notes", tmp_path, ("**/*.md",)))
    yield writer
    writer.database.close()


@pytest.fixture
def library(index: OpenIndex) -> Library:
    return Library(collections=index.collections, documents=index.documents, reader=ReadingHere(), max_file_bytes=1_000)


async def all_at_once(ask: Callable[[], Awaitable[object]]) -> list[object]:
    answers: list[object] = []

    async def caller() -> None:
        answers.append(await ask())

    async with anyio.create_task_group() as group:
        for _ in range(CALLERS):
            group.start_soon(caller)
    return answers


async def test_one_commit_of_documents_is_read_once_for_everybody_who_waits(
    index: OpenIndex, writer: OpenIndex, library: Library
) -> None:
    for content in ("1", "2"):
        page = document("a.md", content=content)
        await writer.documents.put([page])
        before = index.documents.reads
        answers = await all_at_once(lambda page=page: library.documents([page.docid]))
        assert answers == [{page.docid: page}] * CALLERS
        assert index.documents.reads == before + 1


async def test_one_commit_of_collections_is_read_once_for_everybody_who_waits(
    index: OpenIndex, writer: OpenIndex, library: Library, tmp_path: Path
) -> None:
    for name in ("code", "letters"):
        await writer.collections.put(Collection(name, tmp_path, ("**/*.md",)))
        before = index.collections.reads
        answers = await all_at_once(library.collections)
        assert all(name in answer for answer in answers)
        assert index.collections.reads == before + 1


async def test_one_commit_of_metadata_is_read_once_by_all_who_follow_the_generation(
    index: OpenIndex, writer: OpenIndex
) -> None:
    following = Following(index.database, generation=GENERATION, documents=index.documents)
    await writer.documents.put([document("a.md")])
    await following.look()
    before = index.database.reads
    frozen = await writer.documents.version()
    await freeze(writer.database, GENERATION, documents=writer.documents)
    await writer.documents.put([document("b.md")])
    await all_at_once(following.look)
    assert index.database.reads == before + 1
    assert await index.documents.version() == frozen


async def test_one_commit_of_terms_is_read_once_for_everybody_who_waits(index: OpenIndex, writer: OpenIndex) -> None:
    await writer.terms.replace(Counter(fox=2))
    before = index.terms.reads
    assert await all_at_once(lambda: index.terms.frequencies(["fox"])) == [{"fox": 2}] * CALLERS
    assert index.terms.reads == before + 1


async def test_the_number_of_passages_is_asked_for_once_for_each_version(index: OpenIndex, writer: OpenIndex) -> None:
    for number in range(2):
        await writer.passages.add([passage(number)], [None])
        before = index.passages.versions_opened
        assert await all_at_once(index.passages.count) == [number + 1] * CALLERS
        assert index.passages.versions_opened == before + 1


class Interrupted:
    """A real table in which something happens after its version has been asked for and before its rows are read."""

    def __init__(self, table: Any, *, happens: Callable[[], Awaitable[None]]) -> None:
        self._table = table
        self._happens = [happens]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    async def count_rows(self) -> int:
        while self._happens:
            await self._happens.pop()()
        return int(await self._table.count_rows())


async def test_rows_that_were_read_while_a_rebuild_froze_the_documents_are_not_those_of_the_frozen_version(
    index: OpenIndex, writer: OpenIndex
) -> None:
    old, new = document("a.md", content="1"), document("a.md", content="2")
    await writer.documents.put([old])

    async def rebuild() -> None:
        await freeze(writer.database, GENERATION, documents=writer.documents)
        await writer.documents.put([new])

    table = await index.database.connection.open_table(DOCUMENTS)
    documents = DocumentTable(cast("lancedb.AsyncTable", Interrupted(table, happens=rebuild)), database=index.database)
    following = Following(index.database, generation=GENERATION, documents=documents)
    before = await documents.version()
    assert list(await documents.by_docid([old.docid, new.docid])) == [new.docid]
    await following.look()
    assert await documents.version() == before
    assert list(await documents.by_docid([old.docid, new.docid])) == [old.docid]


async def test_an_answer_that_a_pin_to_the_version_it_began_with_ran_into_is_made_again(
    index: OpenIndex, writer: OpenIndex
) -> None:
    """The number of the version is the same before and after, and what was read in between is another version."""
    old, new = document("a.md", content="1"), document("a.md", content="2")
    await writer.documents.put([old])
    following = Following(index.database, generation=GENERATION, documents=index.documents)
    seen: list[list[str]] = []

    async def attempt() -> Answer:
        if not seen:
            await freeze(writer.database, GENERATION, documents=writer.documents)
            await writer.documents.put([new])
        seen.append(list(await index.documents.by_docid([old.docid, new.docid])))
        await following.look()  # as another query of this process does at any time
        return Answer(query="q", hits=())

    await ConsistentReads(following).answer(attempt, log=StageLog())
    assert seen == [[new.docid], [old.docid]]
