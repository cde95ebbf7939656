"""An index of an earlier version is brought up to date when it is opened.

`index_of_version_1.zip` holds a project with three notes and the index that version 0.1.0 made of them, which has
schema version 1. `index_of_schema_2.zip` holds the same after the step to schema version 2.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.index_errors import NotAnIndexError
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.generation import serving
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.lance.schema import SCHEMA_VERSION
from qmd_mcp.store.migration import bring_up_to_date
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.term_table import TermTable

pytestmark = pytest.mark.anyio

RELEASED = Path(__file__).with_name("index_of_version_1.zip")
LATER = Path(__file__).with_name("index_of_schema_2.zip")


@pytest.fixture(params=[RELEASED, LATER], ids=["version 1", "version 2"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> IndexLocation:
    return unpacked(request.param, tmp_path)


@pytest.fixture
def released(tmp_path: Path) -> IndexLocation:
    return unpacked(RELEASED, tmp_path)


def unpacked(index: Path, folder: Path) -> IndexLocation:
    with zipfile.ZipFile(index) as packed:
        packed.extractall(folder)
    return IndexLocation(str(folder / ".qmd-mcp"), project=folder)


async def first_of(engine: Engine, query: str) -> list[str]:
    return [hit.path for hit in (await engine.searching.search(SearchRequest(query))).hits]


async def test_an_old_index_answers_at_once_in_the_new_way_and_is_embedded_no_further(location: IndexLocation) -> None:
    async with open_engine(Settings(), location) as engine:
        status = await engine.status()
        assert (status.schema_version, status.documents, status.passages, status.embedded) == (SCHEMA_VERSION, 3, 3, 3)
        assert await first_of(engine, "resume") == ["soup.md"]
        assert await first_of(engine, "檢查備份") == ["network.md"]
        assert await first_of(engine, "harbour pier") == ["harbour.md"]
        assert (await engine.searching.vsearch(SearchRequest("when does the boat go"))).hits[0].path == "harbour.md"
        assert (await engine.searching.query(QueryRequest("when does the ferry leave"))).hits[0].path == "harbour.md"
        assert await engine.writing.embed() == 0


async def test_an_update_reads_the_files_of_an_old_index_anew_and_embeds_only_what_changed(
    location: IndexLocation,
) -> None:
    async with open_engine(Settings(), location) as engine:
        before = await engine.searching.query(QueryRequest("who invented the zeppelin"))
        assert before.verdict != "none"
        assert "(read by an earlier version)" in " ".join(before.notes)
        summary = await engine.writing.update()
        assert (summary.updated, summary.passages, summary.embedded) == (3, 3, 1)  # the note with front matter
        assert await first_of(engine, "Vichyssoise") == ["soup.md"]
        assert await first_of(engine, "tag:soup") == ["soup.md"]
        assert await first_of(engine, "leeks after:2024-02-29 before:2024-03") == ["soup.md"]
        assert await first_of(engine, "leeks after:2024-03") == []
        again = await engine.writing.update()
        assert (again.updated, again.unchanged) == (0, 3)


async def test_the_vectors_of_an_old_index_are_kept(location: IndexLocation) -> None:
    database = await Database.open(location.uri)
    generation = await serving(database)
    assert generation is not None
    name = f"passages_{generation.fingerprint}"
    before = await (await database.connection.open_table(name)).query().to_arrow()
    await bring_up_to_date(database)
    after = await (await database.connection.open_table(name)).query().to_arrow()
    old, new = (
        dict(zip(each["text_hash"].to_pylist(), each["vector"].to_pylist(), strict=True)) for each in (before, after)
    )
    assert list(old) == list(new)
    np.testing.assert_array_equal(list(old.values()), list(new.values()))
    database.close()


async def test_terms_are_counted_anew_in_their_folded_form(released: IndexLocation) -> None:
    database = await Database.open(released.uri)
    terms = await TermTable.open(database)
    assert (await terms.frequencies(["resum", "检查"])) == {"resum": 0, "检查": 1}
    await bring_up_to_date(database)
    assert (await (await TermTable.open(database)).frequencies(["resum", "检查"])) == {"resum": 1, "检查": 1}
    database.close()


async def test_a_process_that_was_killed_between_two_tables_is_followed_by_one_that_finishes(
    location: IndexLocation,
) -> None:
    database = await Database.open(location.uri)
    generation = await serving(database)
    assert generation is not None
    version = await database.schema_version()
    await bring_up_to_date(database)
    await database.put(schema_version=str(version))  # as it is until every table is changed
    await bring_up_to_date(database)
    assert await database.schema_version() == SCHEMA_VERSION
    passages = await PassageTable.open(database, fingerprint=generation.fingerprint, dimension=generation.dimension)
    assert (await passages.count(), await passages.embedded()) == (3, 3)
    database.close()


async def test_an_index_of_a_newer_program_is_refused(location: IndexLocation) -> None:
    database = await Database.open(location.uri)
    await database.put(schema_version=str(SCHEMA_VERSION + 1))
    database.close()
    with pytest.raises(NotAnIndexError, match=f"schema version {SCHEMA_VERSION + 1}"):
        await Database.open(location.uri)


async def test_what_a_finished_rebuild_noted_of_documents_rolls_nothing_back(released: IndexLocation) -> None:
    database = await Database.open(released.uri)
    await database.put(**{"documents 000000000000": "1"})  # a generation that served before; it had no document yet
    await bring_up_to_date(database)
    assert await (await database.connection.open_table("documents")).count_rows() == 3
    assert (await database.metadata())["documents 000000000000"] == ""
    database.close()


async def test_an_old_index_that_is_not_embedded_is_brought_up_to_date_and_embedded_afterwards(
    location: IndexLocation,
) -> None:
    database = await Database.open(location.uri)
    generation = await serving(database)
    assert generation is not None
    table = await database.connection.open_table(f"passages_{generation.fingerprint}")
    await table.update(updates_sql={"vector": "NULL"}, where="path != 'harbour.md'")
    database.close()
    async with open_engine(Settings(), location) as engine:
        assert (await engine.status()).embedded == 1
        assert await first_of(engine, "harbour pier") == ["harbour.md"]
        assert await engine.writing.embed() == 2
