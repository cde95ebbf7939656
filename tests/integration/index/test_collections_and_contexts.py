"""Registering folders and describing their paths, on a real index."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.errors import CollectionError
from qmd_mcp.settings import IndexLocation, Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def notes(tmp_path: Path) -> Collection:
    """A folder with a page in a folder and an empty folder."""
    folder = tmp_path / "notes"
    (folder / "ops").mkdir(parents=True)
    (folder / "ops" / "failover.md").write_text("# Failover\n\nPromote the standby.\n")
    (folder / "later").mkdir()
    return Collection("notes", folder, ("**/*.md",))


@pytest.fixture
async def engine(tmp_path: Path, notes: Collection) -> AsyncIterator[Engine]:
    async with open_engine(Settings(), IndexLocation(str(tmp_path / "index")), create=True) as engine:
        await engine.writing.add_collection(notes)
        await engine.writing.update(embed=False)
        yield engine


async def test_a_folder_is_not_indexed_twice_under_two_names(engine: Engine, notes: Collection, tmp_path: Path) -> None:
    """Every hit would come twice."""
    link = tmp_path / "link"
    link.symlink_to(notes.root)
    for root in (notes.root, notes.root / "ops" / "..", link):
        with pytest.raises(CollectionError, match=r"is indexed as collection 'notes' already.*qmd-mcp update"):
            await engine.writing.add_collection(replace(notes, name="again", root=root))
    assert list(await engine.collections()) == ["notes"]


async def test_other_files_of_a_folder_may_be_a_collection_of_their_own(engine: Engine, notes: Collection) -> None:
    await engine.writing.add_collection(replace(notes, name="code", globs=("**/*.py",)))
    await engine.writing.add_collection(replace(notes, name="ops", root=notes.root / "ops"))
    assert list(await engine.collections()) == ["code", "notes", "ops"]


async def skipped(engine: Engine) -> dict[str, dict[str, int]]:
    """What the status says of the files that were left out."""
    return {each.name: each.skipped for each in (await engine.status()).collections}


async def test_a_renamed_collection_keeps_the_reasons_for_files_left_out(engine: Engine, notes: Collection) -> None:
    (notes.root / "data.md").write_bytes(b"\x00" * 100)
    await engine.writing.update()
    await engine.writing.rename_collection("notes", "wiki")
    assert await skipped(engine) == {"wiki": {"binary": 1}}
    await engine.writing.add_collection(replace(notes, globs=("**/*.txt",)))
    assert await skipped(engine) == {"notes": {}, "wiki": {"binary": 1}}


async def test_a_removed_collection_leaves_no_reasons_to_the_next_of_its_name(
    engine: Engine, notes: Collection
) -> None:
    (notes.root / "data.md").write_bytes(b"\x00" * 100)
    await engine.writing.update()
    assert await skipped(engine) == {"notes": {"binary": 1}}
    assert await engine.writing.remove_collection("notes") == 1
    await engine.writing.add_collection(notes)
    assert await skipped(engine) == {"notes": {}}


@pytest.mark.parametrize(
    "prefix", ["opps", "ops/missing.md", "ops/failover.md/x", "../notes", "ops/../ops", "./ops", "/etc"]
)
async def test_a_context_for_what_is_not_there_is_refused(engine: Engine, prefix: str) -> None:
    """It would be returned with no hit, ever."""
    with pytest.raises(CollectionError, match=f"^There is nothing at '{prefix}' in collection 'notes'"):
        await engine.writing.set_context("notes", prefix, "Runbooks")
    assert (await engine.collections())["notes"].contexts == ()


@pytest.mark.parametrize("prefix", ["", "ops", "ops/failover.md", "later"])
async def test_a_context_is_for_a_collection_a_folder_or_a_file(engine: Engine, prefix: str) -> None:
    """Also for a folder in which nothing is indexed yet."""
    await engine.writing.set_context("notes", prefix, "Runbooks")
    (context,) = (await engine.collections())["notes"].contexts
    assert (context.prefix, context.text) == (prefix, "Runbooks")


async def test_a_collection_without_a_document_can_be_described(engine: Engine, notes: Collection) -> None:
    await engine.writing.add_collection(replace(notes, name="code", globs=("**/*.py",)))
    await engine.writing.set_context("code", "", "Scripts")
    assert (await engine.collections())["code"].context_of("a.py") == "Scripts"


async def test_a_context_stays_usable_while_the_folder_is_away(engine: Engine, notes: Collection) -> None:
    """The index knows the path, and what is described can be taken back whether it is there or not."""
    notes.root.rename(notes.root.with_name("elsewhere"))
    await engine.writing.set_context("notes", "ops", "Runbooks")
    (hit,) = (await engine.searching.search(SearchRequest("standby"))).hits
    assert (hit.context, hit.freshness) == ("Runbooks", "missing")
    await engine.writing.set_context("notes", "ops", None)
    assert (await engine.collections())["notes"].contexts == ()
