"""Opening an index whose creation was interrupted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from qmd_mcp.application.engine import open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.lance.database import Database, table_names
from qmd_mcp.store.writer_lock import WriterLock

pytestmark = pytest.mark.anyio

SETTINGS = Settings()
Damage = Callable[[Database], Awaitable[None]]


async def no_generation(database: Database) -> None:
    """It died after the small tables."""
    for name in await table_names(database.connection):
        if name.startswith(("passages_", "states_")):
            await database.connection.drop_table(name)
    await database.put(generation="", terms="")


async def no_states(database: Database) -> None:
    """It died after the passages, or was of a version that had no token states."""
    for name in await table_names(database.connection):
        if name.startswith("states_"):
            await database.connection.drop_table(name)


async def no_index_of_names(database: Database) -> None:
    """It died between two indexes of the passages."""
    (name,) = (each for each in await table_names(database.connection) if each.startswith("passages_"))
    table = await database.connection.open_table(name)
    await table.drop_index("identifiers_idx")


async def made(database: Database) -> dict[str, int]:
    """The tables of generations, and how many indexes each has."""
    names = [name for name in await table_names(database.connection) if name.startswith(("passages_", "states_"))]
    return {name: len(await (await database.connection.open_table(name)).list_indices()) for name in names}


@pytest.mark.parametrize("damage", [no_generation, no_states, no_index_of_names])
async def test_it_is_completed_under_the_writers_lock_and_works(tmp_path: Path, damage: Damage) -> None:
    folder, location = tmp_path / "notes", IndexLocation(str(tmp_path / "index"))
    folder.mkdir()
    (folder / "a.md").write_text("# A\n\nA page about zeppelins.\n")
    async with open_engine(SETTINGS, location, create=True):
        pass
    database = await Database.open(location.uri)
    whole = await made(database)
    await damage(database)
    damaged = await made(database)
    async with WriterLock(location.uri).held():  # another process writes
        with anyio.move_on_after(0.5) as waiting:
            async with open_engine(SETTINGS, location):
                pass
        assert waiting.cancelled_caught, "an index was completed beside a writer"
        assert await made(database) == damaged
    async with open_engine(SETTINGS, location) as engine:
        assert await made(database) == whole
        await engine.writing.add_collection(Collection("notes", folder, ("**/*.md",)))
        await engine.writing.update()
        assert [hit.path for hit in (await engine.searching.search(SearchRequest("zeppelins"))).hits] == ["a.md"]
    database.close()


async def test_a_whole_one_is_opened_while_another_process_writes(tmp_path: Path) -> None:
    location = IndexLocation(str(tmp_path / "index"))
    async with open_engine(SETTINGS, location, create=True):
        pass
    with anyio.fail_after(30):
        async with WriterLock(location.uri).held(), open_engine(SETTINGS, location) as engine:
            assert (await engine.status()).documents == 0
