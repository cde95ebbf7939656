"""Bringing an index that an earlier version of this program made up to date."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import anyio.to_thread
import pyarrow as pa

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.properties import Properties
from qmd_mcp.errors import NotAnIndexError
from qmd_mcp.store.generation import documents_key, serving
from qmd_mcp.store.lance.database import Database, table_names
from qmd_mcp.store.lance.schema import (
    DOCUMENTS,
    DOCUMENTS_SCHEMA,
    PASSAGES_PREFIX,
    SCHEMA_VERSION,
    passage_rows,
    vectors_of,
)
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.term_ledger import TERMS_KEY, TermLedger
from qmd_mcp.store.tables.term_table import TermTable
from qmd_mcp.store.writer_lock import WriterLock

logger = logging.getLogger(__name__)

_FROZEN = documents_key("")
"""How the keys of the metadata begin under which a rebuild notes an earlier version of the documents."""

_VECTOR = "vector"


async def bring_up_to_date(database: Database) -> None:
    """Take every step from the version of the index to that of this program; nothing happens if they are the same.

    Vectors are kept. What a newer version reads of the files is read by the next update, since the documents say by
    which version they were read. A process that is killed here leaves an index with the old version, and the next one
    takes the step again: each table is replaced in one commit, and the version is written last.

    Raises:
        NotAnIndexError: a newer version of this program has taken further steps meanwhile.
    """
    if await database.schema_version() == SCHEMA_VERSION:
        return
    async with WriterLock(database.uri).held():
        while (version := await database.schema_version()) < SCHEMA_VERSION:
            logger.warning("The index %s is brought up to date from version %d.", database.uri, version)
            await _STEPS[version](database)
            await database.put(schema_version=str(version + 1))
    if version > SCHEMA_VERSION:  # a newer program has done so while this one waited for the lock
        reason = f"it has schema version {version} and this program reads up to {SCHEMA_VERSION}; install a newer one"
        raise NotAnIndexError(database.uri, reason=reason)


async def _fold_texts_and_add_properties(database: Database) -> None:
    """From version 1 to 2: texts are indexed folded, and passages and documents have properties."""
    await _restore_documents(database)
    times = await _add_properties_to_documents(database)
    for name in sorted(await table_names(database.connection)):
        if name.startswith(PASSAGES_PREFIX):
            await _fold_passages(database, name, times)
    await _recount_terms(database)


async def _restore_documents(database: Database) -> None:
    """Undo what a rebuild that died did to the documents of the generation that serves.

    The version of the documents that it noted has the columns of before, so that it cannot be restored afterwards. What
    finished rebuilds noted for generations that no longer serve is forgotten for the same reason.
    """
    table = await database.connection.open_table(DOCUMENTS)
    generation = await serving(database)
    own = documents_key(generation.fingerprint) if generation else ""
    noted = {key: value for key, value in (await database.metadata()).items() if key.startswith(_FROZEN) and value}
    if "reading" not in (await table.schema()).names and own in noted:
        await table.checkout(int(noted[own]))
        await table.restore()
    if noted:
        await database.put(**dict.fromkeys(noted, ""))


async def _add_properties_to_documents(database: Database) -> Mapping[str, int]:
    """Add the columns, and return the time of each document's file, by docid."""
    table = await database.connection.open_table(DOCUMENTS)
    rows = await table.query().to_arrow()
    if "reading" not in rows.column_names:
        count = rows.num_rows
        rows = pa.table(
            {
                **{name: rows[name] for name in rows.column_names},
                "aliases": [[]] * count,
                "tags": [[]] * count,
                "about": [""] * count,
                "date_ns": rows["mtime_ns"],
                "reading": [""] * count,
            }
        )
        rows = rows.select(DOCUMENTS_SCHEMA.names).cast(DOCUMENTS_SCHEMA)
        await database.connection.create_table(DOCUMENTS, rows, mode="overwrite")
    return dict(zip(rows["docid"].to_pylist(), rows["date_ns"].to_pylist(), strict=True))


async def _fold_passages(database: Database, name: str, times: Mapping[str, int]) -> None:
    table = await database.connection.open_table(name)
    schema = await table.schema()
    if "words" in schema.names:
        return
    dimension = schema.field(_VECTOR).type.list_size
    rows = await table.query().to_arrow()
    stored = rows.select([column for column in rows.column_names if column in _PASSAGE_ATTRIBUTES]).to_pylist()
    passages = [_passage(row, date_ns=times.get(row["docid"])) for row in stored]
    known = [
        None if missing else vector
        for vector, missing in zip(
            vectors_of(rows, dimension=dimension), rows[_VECTOR].is_null().to_pylist(), strict=True
        )
    ]
    folded = await anyio.to_thread.run_sync(lambda: passage_rows(passages, known, dimension=dimension))
    await database.connection.create_table(name, folded, mode="overwrite")
    await PassageTable.open(database, fingerprint=name.removeprefix(PASSAGES_PREFIX), dimension=dimension)


_PASSAGE_ATTRIBUTES = frozenset(
    (
        *("docid", "collection", "path", "title", "ordinal", "heading", "breadcrumb", "text"),
        *("start_line", "end_line", "start_char", "end_char"),
    )
)
"""The columns of version 1 that hold an attribute of `Passage`."""


def _passage(row: Mapping[str, object], *, date_ns: int | None) -> Passage:
    passage = Passage(**row)  # type: ignore[arg-type]  # the columns have the types of the attributes
    return replace(passage, heading=tuple(passage.heading), properties=Properties(date_ns=date_ns))


async def _recount_terms(database: Database) -> None:
    generation = await serving(database)
    if generation is None:
        return
    await database.put(**{TERMS_KEY: ""})
    passages = await PassageTable.open(database, fingerprint=generation.fingerprint, dimension=generation.dimension)
    await TermLedger(database=database, passages=passages, terms=await TermTable.open(database)).settle()


_STEPS: Mapping[int, Callable[[Database], Awaitable[None]]] = MappingProxyType({1: _fold_texts_and_add_properties})
"""The step that leads from each version to the next."""
