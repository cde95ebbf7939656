"""Bringing an index that an earlier version of this program made up to date."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any

import anyio.to_thread
import pyarrow as pa

from qmd_mcp.domain.documents import Passage
from qmd_mcp.index_errors import NotAnIndexError
from qmd_mcp.store.generation import documents_key, serving
from qmd_mcp.store.lance.database import Database, table_names
from qmd_mcp.store.lance.passage_details import ATTRIBUTES, packed, passage_of
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
    """From version 1: texts are indexed folded, and passages and documents have properties."""
    await _restore_documents(database)
    times = await _add_properties_to_documents(database)
    for name in sorted(await table_names(database.connection)):
        if name.startswith(PASSAGES_PREFIX):
            await _write_passages_anew(database, name, times)
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


async def _pack_attributes(database: Database) -> None:
    """From version 2 to 3: every attribute of a passage but its text is in one column."""
    for name in sorted(await table_names(database.connection)):
        if name.startswith(PASSAGES_PREFIX):
            await _write_passages_anew(database, name, {})


async def _write_passages_anew(database: Database, name: str, times: Mapping[str, int]) -> None:
    """Write a table of passages with the columns of this version, unless it has them; `times` is for version 1."""
    table = await database.connection.open_table(name)
    schema = await table.schema()
    if "title" not in schema.names:
        return
    dimension = schema.field(_VECTOR).type.list_size
    rows = await table.query().to_arrow()
    known = [
        None if missing else vector
        for vector, missing in zip(
            vectors_of(rows, dimension=dimension), rows[_VECTOR].is_null().to_pylist(), strict=True
        )
    ]

    def renewed() -> pa.Table:
        read = [column for column in rows.column_names if column in {*ATTRIBUTES, "text", "heading", "details"}]
        passages = [_passage(row, times) for row in rows.select(read).to_pylist()]
        return passage_rows(passages, known, dimension=dimension)

    rows_now = await anyio.to_thread.run_sync(renewed)
    await database.connection.create_table(name, rows_now, mode="overwrite", on_bad_vectors="null")  # not embedded yet
    await PassageTable.open(database, fingerprint=name.removeprefix(PASSAGES_PREFIX), dimension=dimension)


def _passage(row: Mapping[str, Any], times: Mapping[str, int]) -> Passage:
    """The passage of a row of version 1, which has headings but no details, or of version 2."""
    if "details" in row:
        others = json.loads(row["details"])
    else:
        others = {"heading": row["heading"], "date_ns": times.get(row["docid"])}
    return passage_of(row["text"], packed({**{name: row[name] for name in ATTRIBUTES}, **others}))


async def _recount_terms(database: Database) -> None:
    generation = await serving(database)
    if generation is None:
        return
    await database.put(**{TERMS_KEY: ""})
    passages = await PassageTable.open(database, fingerprint=generation.fingerprint, dimension=generation.dimension)
    await TermLedger(database=database, passages=passages, terms=await TermTable.open(database)).settle()


_STEPS: Mapping[int, Callable[[Database], Awaitable[None]]] = MappingProxyType(
    {1: _fold_texts_and_add_properties, 2: _pack_attributes}
)
"""The step that leads from each version to the next."""
