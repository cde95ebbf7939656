"""Bringing an index up to date, on a real folder."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.corpus.indexing.indexer import _gone
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection, Document
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.errors import UnknownCollectionError
from qmd_mcp.index_errors import WriterBusyError
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.writer_lock import WriterLock

pytestmark = pytest.mark.anyio

LONG_AGO = time.time() - 3_600


def write(path: Path, text: str, *, at: float = LONG_AGO) -> None:
    """A file as it would be an hour after it was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at, at))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    write(folder / "a.md", "# Alpha\n\nThe first page.\n")
    write(folder / "b.md", "# Beta\n\nThe second page.\n")
    return folder


@pytest.fixture
async def engine(tmp_path: Path, folder: Path) -> AsyncIterator[Engine]:
    location = IndexLocation(str(tmp_path / "index"))
    async with open_engine(Settings(), location, create=True) as engine:
        await engine.writing.add_collection(Collection("notes", folder, ("**/*.md",)))
        await engine.writing.update()
        yield engine


async def found(engine: Engine, query: str) -> list[str]:
    return [hit.path for hit in (await engine.searching.search(SearchRequest(query))).hits]


async def test_what_did_not_change_is_neither_read_nor_embedded_again(engine: Engine) -> None:
    before = await engine.passages()
    summary = await engine.writing.update()
    assert (summary.unchanged, summary.passages, summary.embedded) == (2, 0, 0)
    assert await engine.passages() == before


async def test_a_file_that_was_only_touched_is_unchanged(engine: Engine, folder: Path) -> None:
    os.utime(folder / "a.md", (LONG_AGO + 60, LONG_AGO + 60))
    assert (await engine.writing.update()).unchanged == 2
    answer = await engine.searching.search(SearchRequest("first"))
    assert [hit.freshness for hit in answer.hits] == ["current"]


async def test_a_change_within_one_tick_of_the_clock_and_of_the_same_size_is_seen(engine: Engine, folder: Path) -> None:
    now = time.time()
    write(folder / "a.md", "# Alpha\n\nThe third page.\n", at=now)
    await engine.writing.update()
    write(folder / "a.md", "# Alpha\n\nThe fifth page.\n", at=now)
    assert (await engine.writing.update()).updated == 1
    assert await found(engine, "fifth") == ["a.md"]
    assert await found(engine, "third") == []


async def test_an_unchanged_passage_of_a_changed_page_keeps_its_vector(engine: Engine, folder: Path) -> None:
    section = "Words of this section that fill it. " * 30
    write(folder / "long.md", f"# One\n\n{section}\n\n# Two\n\n{section}two\n")
    first = await engine.writing.update()
    write(folder / "long.md", f"# One\n\n{section}\n\n# Two\n\n{section}three\n", at=LONG_AGO + 1)
    second = await engine.writing.update()
    assert first.embedded == first.passages > 1
    assert 0 < second.embedded < second.passages


async def test_a_moved_file_is_not_embedded_again(engine: Engine, folder: Path) -> None:
    (folder / "a.md").rename(folder / "moved.md")
    summary = await engine.writing.update()
    assert (summary.added, summary.removed, summary.embedded) == (1, 1, 0)
    assert await found(engine, "first") == ["moved.md"]


async def test_a_missing_root_empties_nothing(engine: Engine, folder: Path) -> None:
    folder.rename(folder.with_name("unmounted"))
    summary = await engine.writing.update()
    assert (summary.removed, len(summary.problems)) == (0, 1)
    answer = await engine.searching.search(SearchRequest("first"))
    assert [(hit.path, hit.freshness) for hit in answer.hits] == [("a.md", "missing")]


async def test_renaming_keeps_vectors_and_reads_no_file(engine: Engine, folder: Path) -> None:
    folder.rename(folder.with_name("unmounted"))
    await engine.writing.rename_collection("notes", "wiki")
    status = await engine.status()
    assert [(each.name, each.documents) for each in status.collections] == [("wiki", 2)]
    assert status.embedded == status.passages == 2
    assert await found(engine, "first") == ["a.md"]
    folder.with_name("unmounted").rename(folder)
    summary = await engine.writing.update()
    assert (summary.added, summary.removed, summary.passages) == (0, 0, 0)


async def test_a_file_that_changed_before_a_rename_has_its_vectors_after_the_next_update(
    engine: Engine, folder: Path
) -> None:
    (folder / "a.md").write_text("# First\n\nAnother text altogether.\n")
    await engine.writing.rename_collection("notes", "wiki")
    await engine.writing.update()
    status = await engine.status()
    assert status.embedded == status.passages == 2
    assert await found(engine, "altogether") == ["a.md"]


async def test_a_document_whose_passages_are_not_there_is_read_again(engine: Engine) -> None:
    before = {(each.path, each.text) for each in await engine.passages()}
    victim = (await engine.passages())[0]
    await engine._index.passages.remove([victim.docid])
    assert (await engine.writing.update()).added == 1
    assert {(each.path, each.text) for each in await engine.passages()} == before


async def test_updates_without_changes_leave_no_files_behind(engine: Engine, tmp_path: Path) -> None:
    for _ in range(3):
        await engine.writing.update()
    before = sum(1 for path in (tmp_path / "index").rglob("*") if path.is_file())
    for _ in range(3):
        await engine.writing.update()
    assert sum(1 for path in (tmp_path / "index").rglob("*") if path.is_file()) <= before


async def test_a_file_that_becomes_binary_leaves_the_index(engine: Engine, folder: Path) -> None:
    (folder / "a.md").write_bytes(b"\x00" * 100)
    summary = await engine.writing.update()
    assert (summary.removed, summary.skipped, summary.examples) == (1, {"binary": 1}, {"binary": "a.md"})
    assert await found(engine, "first") == []


def test_what_cannot_be_read_for_a_moment_is_kept() -> None:
    skips = [Skip("locked/", "unreadable"), Skip("page.md", "unreadable"), Skip("blob.md", "binary")]
    paths = ("locked/deep/a.md", "page.md", "blob.md", "away.md", "there.md")
    documents = [Document(path, "c", path, "", "", 1, 1, 1, 1) for path in paths]
    gone = _gone(documents, present=frozenset({"there.md", "blob.md"}), skips=skips)
    assert [document.path for document in gone] == ["blob.md", "away.md"]


async def test_a_busy_index_is_not_waited_for_when_asked_not_to(engine: Engine, tmp_path: Path) -> None:
    async with WriterLock(str(tmp_path / "index")).held():
        with pytest.raises(WriterBusyError):
            await engine.writing.update(wait_seconds=0)
        assert await found(engine, "first") == ["a.md"]


async def test_an_unknown_collection_is_named(engine: Engine) -> None:
    with pytest.raises(UnknownCollectionError, match=r"no collection 'wiki'\. The index has notes"):
        await engine.writing.update(collections=["wiki"])
