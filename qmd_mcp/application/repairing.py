"""Repairing an index: its tables are mended, and what they lack is made again from the files."""

from __future__ import annotations

from dataclasses import dataclass

import anyio.to_thread

from qmd_mcp.application.engine import generation_of, open_engine
from qmd_mcp.application.index_writer import unwatched
from qmd_mcp.corpus.indexing.update_summary import Progress, UpdateSummary
from qmd_mcp.errors import SetupError
from qmd_mcp.index_errors import DamagedIndexError
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.generation import Generation
from qmd_mcp.store.health.examination import examine
from qmd_mcp.store.health.mending import Mending
from qmd_mcp.store.index_trust import check_trust
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.migration import bring_up_to_date
from qmd_mcp.store.writer_lock import WriterLock


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did."""

    done: tuple[str, ...]
    """What was damaged, and what became of it, a sentence each."""
    summary: UpdateSummary
    """What was read from the files."""
    embedded: int
    """Passages whose vectors or token states were computed besides."""


async def repair(settings: Settings, location: IndexLocation, *, progress: Progress = unwatched) -> Repaired:
    """Mend an index, and bring it up to date with its files.

    Raises:
        NotAnIndexError: there is none.
        UnsafeIndexError: it came with a project and is not trusted.
        WriterBusyError: another process writes it.
    """
    await anyio.to_thread.run_sync(check_trust, location)
    await _brought_up_to_date(location.uri)
    async with WriterLock(location.uri).held(wait_seconds=0):
        found = await _found(location.uri)
        mending = await Mending.of(location.uri)
        await mending.run(generations=_known(settings))
    async with open_engine(settings, location) as engine:
        summary = await engine.writing.update(progress=progress)
        embedded = await engine.writing.embed(progress=progress)
    return Repaired((*found, *mending.done), summary, embedded)


async def _found(uri: str) -> tuple[str, ...]:
    """What is damaged before anything is mended, a sentence each."""
    try:
        problems = (await examine(uri, writing=False)).problems
    except DamagedIndexError as error:
        problems = (str(error),)
    return tuple(f"Found: {each}" for each in problems)


async def _brought_up_to_date(uri: str) -> None:
    """Make the tables such as this version knows them, before they are looked at; one that is damaged is left alone."""
    try:
        database = await Database.open(uri)
        await bring_up_to_date(database)
        database.close()
    except DamagedIndexError:
        return


def _known(settings: Settings) -> list[Generation]:
    """The generations that an index may have been made with, the configured one first."""
    catalogue = user_catalogue()
    names = [settings.embedder] if settings.embedder else []
    found: list[Generation] = []
    for name in (*names, *catalogue.names()):
        try:
            found.append(generation_of(catalogue.embedder(name)))
        except SetupError:  # a profile without an embedder, or one that has not been pulled
            continue
    return found
