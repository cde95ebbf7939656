"""Making an index of a project the user's own: what a stranger wrote into it is left behind."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

from anyio.to_thread import run_sync

from qmd_mcp.application.engine import open_engine
from qmd_mcp.corpus.scanning.collection_checks import check_globs, check_ignores
from qmd_mcp.domain.documents import Collection
from qmd_mcp.errors import QmdError
from qmd_mcp.index_errors import UnsafeIndexError, WriterBusyError
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.index_trust import trust
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.tables.collection_table import CollectionTable
from qmd_mcp.store.writer_lock import WriterLock


async def named_collections(location: IndexLocation) -> Sequence[Collection]:
    """The collections that an index names, without the sentences about them; nothing else in it is read.

    Raises:
        UnsafeIndexError: they cannot be read, or this program would not have written them.
        CollectionError: a collection lies outside the project, or its globs cannot be used.
        NotAnIndexError: there is no index.
    """
    try:
        database = await Database.open(location.uri)
        try:
            table = await CollectionTable.open(database, project=location.project)
            collections = [replace(each, contexts=()) for each in await table.all()]
        finally:
            database.close()
    except QmdError:
        raise
    except Exception as error:  # LanceDB names many classes for files that are damaged or made to do harm
        sentence = f"The collections of {location.uri} cannot be read. Delete this folder, then run qmd-mcp init."
        raise UnsafeIndexError(sentence) from error
    for each in collections:
        check_globs(each.globs)
        check_ignores(each.ignores)
    return collections


async def begin_anew(settings: Settings, location: IndexLocation, collections: Sequence[Collection]) -> None:
    """Put an empty index with these collections in the place of an index, and trust it.

    The new index is made beside the old one and put in its place by renaming, so that there is one of both whenever
    this process dies, except between two renames.

    Raises:
        WriterBusyError: another process is writing the index.
    """
    writer = await run_sync(WriterLock(location.uri).writing_now)
    if writer is not None:
        raise WriterBusyError(location.uri, holder=writer)
    folder = Path(location.uri)
    name = f"{folder.name}-{token_hex(4)}"
    fresh, former = folder.with_name(f"{name}-new"), folder.with_name(f"{name}-former")
    try:
        async with open_engine(settings, IndexLocation(str(fresh), location.project), create=True) as engine:
            for each in collections:
                await engine.writing.add_collection(each)
        await run_sync(_exchange, folder, fresh, former)
    finally:
        await run_sync(_delete, fresh)
    await run_sync(trust, folder)
    await run_sync(_delete, former)


def _exchange(folder: Path, fresh: Path, former: Path) -> None:
    folder.rename(former)
    try:
        fresh.rename(folder)
    except OSError:
        former.rename(folder)
        raise


def _delete(folder: Path) -> None:
    """Delete a folder; links in it are deleted and not followed."""
    shutil.rmtree(folder, ignore_errors=True)
