"""Rebuilding an index beside the one that serves."""

from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from qmd_mcp.application.engine import open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.errors import ManifestError
from qmd_mcp.index_errors import EmbedderMismatchError
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.generation import Generation, switch
from qmd_mcp.store.lance.database import Database, table_names
from qmd_mcp.store.tables.passage_table import PassageTable
from tests import tiny_embedder

pytestmark = pytest.mark.anyio

SETTINGS = Settings()
LONG_AGO = "2000-01-01T00:00:00+00:00"
OLDER = Generation("000000000000", "mini", 384)


async def make_older(uri: str) -> None:
    """As an earlier version of the program would have left the index: other passages under another fingerprint."""
    database = await Database.open(uri)
    await PassageTable.open(database, fingerprint=OLDER.fingerprint, dimension=OLDER.dimension)
    await switch(database, OLDER)
    database.close()


async def test_an_index_of_an_older_version_is_rebuilt_and_serves(tmp_path: Path) -> None:
    folder, location = tmp_path / "notes", IndexLocation(str(tmp_path / "index"))
    folder.mkdir()
    for name in ("kept", "changed", "gone"):
        (folder / f"{name}.md").write_text(f"# {name.title()}\n\nThe {name} page speaks of zeppelins.\n")
    async with open_engine(SETTINGS, location, create=True) as engine:
        await engine.writing.add_collection(Collection("notes", folder, ("**/*.md",)))
        await engine.writing.update()
    await make_older(location.uri)
    (folder / "changed.md").write_text("# Changed\n\nNow it speaks of submarines.\n")
    (folder / "gone.md").unlink()
    with pytest.raises(EmbedderMismatchError, match="update --embedder mini"):
        async with open_engine(SETTINGS, location):
            pass
    async with open_engine(SETTINGS, location, rebuild=True) as engine:
        summary = await engine.writing.rebuild()
    assert (summary.added, summary.updated, summary.unchanged, summary.embedded) == (0, 1, 1, 1)
    async with open_engine(SETTINGS, location) as engine:
        assert [hit.path for hit in (await engine.searching.search(SearchRequest("zeppelins"))).hits] == ["kept.md"]
        assert (await engine.searching.query(QueryRequest("submarines"))).hits[0].path == "changed.md"
        status = await engine.status()
        assert (status.documents, status.passages, status.embedded) == (2, 2, 2)
        unchanged = await engine.writing.update()
        assert (unchanged.added, unchanged.updated, unchanged.removed) == (0, 0, 0)


async def test_a_rebuild_notes_when_it_ended_and_which_files_it_left_out(tmp_path: Path) -> None:
    folder, location = tmp_path / "notes", IndexLocation(str(tmp_path / "index"))
    folder.mkdir()
    (folder / "page.md").write_text("# Page\n\nIt speaks of zeppelins.\n")
    async with open_engine(SETTINGS, location, create=True) as engine:
        await engine.writing.add_collection(Collection("notes", folder, ("**/*.md",)))
        await engine.writing.update()
    await make_older(location.uri)
    (folder / "data.md").write_bytes(b"\x00" * 100)
    database = await Database.open(location.uri)
    await database.put(updated=LONG_AGO)
    async with open_engine(SETTINGS, location, rebuild=True) as engine:
        await engine.writing.rebuild()
        status = await engine.status()
    assert status.updated is not None
    assert status.updated > LONG_AGO
    assert [each.skipped for each in status.collections] == [{"binary": 1}]
    database.close()


async def test_a_process_with_the_old_generation_writes_nothing_more(tmp_path: Path) -> None:
    location = IndexLocation(str(tmp_path / "index"))
    async with open_engine(SETTINGS, location, create=True) as engine:
        await make_older(location.uri)
        with pytest.raises(EmbedderMismatchError):
            await engine.writing.update()


async def test_the_generation_before_last_is_dropped(tmp_path: Path) -> None:
    location = IndexLocation(str(tmp_path / "index"))
    async with open_engine(SETTINGS, location, create=True):
        pass
    await make_older(location.uri)
    async with open_engine(SETTINGS, location, rebuild=True) as engine:
        await engine.writing.rebuild()
        await engine.writing.rebuild()
    database = await Database.open(location.uri)
    assert f"passages_{OLDER.fingerprint}" not in await table_names(database.connection)


async def test_another_embedder_is_built_beside_the_old_one_which_serves_until_the_switch(tmp_path: Path) -> None:
    folder, location = tmp_path / "notes", IndexLocation(str(tmp_path / "index"))
    folder.mkdir()
    for name in ("zeppelins", "submarines", "lentils"):
        (folder / f"{name}.md").write_text(f"# {name.title()}\n\nThe page speaks of {name}.\n")
    tiny = Settings(embedder=str(tiny_embedder.write_model(tmp_path / "tiny", query_prompt="query {text}")))
    async with open_engine(SETTINGS, location, create=True) as old:
        await old.writing.add_collection(Collection("notes", folder, ("**/*.md",)))
        await old.writing.update()
        between: list[str] = []

        async def build() -> None:
            async with open_engine(tiny, location, rebuild=True) as new:
                await new.writing.rebuild(progress=lambda step: between.append(step.phase))

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(build)
                while not between:
                    await anyio.lowlevel.checkpoint()
                served = await old.searching.vsearch(SearchRequest("flying machines"))
                assert served.hits[0].path == "zeppelins.md"
                assert (await old.status()).dimension == 384
    async with open_engine(Settings(), location) as engine:
        status = await engine.status()
        assert (status.embedder, status.dimension, status.documents, status.embedded) == ("tiny", 32, 3, 3)
        assert (await engine.searching.vsearch(SearchRequest("of submarines"))).hits[0].path == "submarines.md"
        (model,) = (await engine.status()).models
        assert model.detail == "fp32; 3 nodes (2 compute) on CPU"
    with pytest.raises(EmbedderMismatchError, match="update --embedder mini"):
        async with open_engine(Settings(embedder="mini"), location):
            pass
    with pytest.raises(ManifestError, match="an index that came with a project may not do"):
        async with open_engine(Settings(), IndexLocation(location.uri, project=tmp_path)):
            pass


async def test_an_unknown_embedder_is_named_with_those_that_exist(tmp_path: Path) -> None:
    settings = Settings(embedder="nonsense")
    with pytest.raises(ManifestError, match="no model profile 'nonsense'; there is bge-small, gemma, mini"):
        async with open_engine(settings, IndexLocation(str(tmp_path / "index")), create=True):
            pass
