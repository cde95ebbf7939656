"""Mending the tables of an index, as far as they can be; the next update makes the rest anew from the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import lancedb
import pyarrow as pa

from qmd_mcp.index_errors import DamagedIndexError
from qmd_mcp.store.fulltext.full_text_index import create_indexes
from qmd_mcp.store.generation import Generation, serving_of
from qmd_mcp.store.health.reading_whole import Whole, read_whole
from qmd_mcp.store.health.row_checks import row_faults
from qmd_mcp.store.lance.database import connect, marks, table_names
from qmd_mcp.store.lance.schema import (
    COLLECTIONS,
    COLLECTIONS_SCHEMA,
    DOCUMENTS,
    DOCUMENTS_SCHEMA,
    METADATA,
    METADATA_SCHEMA,
    PASSAGES_PREFIX,
    STATES_PREFIX,
    TERMS,
    TERMS_SCHEMA,
    passages_schema,
)
from qmd_mcp.store.lance.second_copy import copy_of, write_copy
from qmd_mcp.store.lance.sql import any_of
from qmd_mcp.store.tables.term_ledger import TERMS_KEY
from qmd_mcp.store.tables.token_state_table import STATES_SCHEMA, index_states

Value = TypeVar("Value")

_BATCH = 1_000
"""Values in one filter of a deletion."""


@dataclass(slots=True)
class Mending:
    """Mends the tables of one index one after the other; the caller holds the writer's lock.

    A process that dies in between leaves a table missing, or empty, and the next `repair` goes on from there. The two
    tables that nothing could make again have a copy, and only one of both is replaced at a time.
    """

    uri: str
    connection: lancedb.AsyncConnection
    done: list[str] = field(default_factory=list)
    """What was found and what became of it, a sentence each."""

    @classmethod
    async def of(cls, uri: str) -> Mending:
        """Begin to mend an index."""
        return cls(uri, await connect(uri))

    async def run(self, *, generations: Sequence[Generation]) -> None:
        """Mend every table of an index of this version; `generations` are those of the embedders that are known."""
        metadata = await self._metadata(generations)
        await self._kept(COLLECTIONS, COLLECTIONS_SCHEMA, lost="the collections: add them again")
        await self._remade(DOCUMENTS, DOCUMENTS_SCHEMA, lost="what was known of files, which are read again")
        await self._remade(TERMS, TERMS_SCHEMA, lost="the counts of terms, which are counted again")
        generation = _serving(metadata)
        if generation is not None:
            await self._generation(generation)

    async def _metadata(self, generations: Sequence[Generation]) -> dict[str, str]:
        """The table of metadata is replaced in any case, so that every process that has the index open reopens it."""
        whole = await self._read(METADATA)
        copy = await self._read(copy_of(METADATA))
        rows = whole.rows if whole.rows is not None and not whole.problem else copy.rows or whole.rows
        values = {} if rows is None else _mapping(rows)
        if whole.problem:
            self.done.append(f"The table {METADATA} was damaged and has been made anew.")
        if _serving(values) is None and (found := await self._by_name(generations)) is not None:
            values["generation"] = str(found)
            self.done.append(f"The embedder is {found.embedder}, as the names of the tables say.")
        kept = {key: value for key, value in values.items() if not key.startswith("documents ")}
        kept |= {**marks(), TERMS_KEY: ""}
        table = pa.table({"key": list(kept), "value": list(kept.values())}, schema=METADATA_SCHEMA)
        await self._replace(copy_of(METADATA), table)
        await self._replace(METADATA, table)
        return kept

    async def _by_name(self, generations: Sequence[Generation]) -> Generation | None:
        names = await table_names(self.connection)
        return next((each for each in generations if f"{PASSAGES_PREFIX}{each.fingerprint}" in names), None)

    async def _kept(self, name: str, schema: pa.Schema, *, lost: str) -> None:
        """Mend a table that has a copy."""
        whole, copy = await self._read(name), await self._read(copy_of(name))
        if whole.problem:
            rows = copy.rows if copy.rows is not None else whole.rows
            said = "has been taken from its copy" if copy.rows is not None else f"had no copy. Lost: {lost}"
            self.done.append(f"The table {name} was damaged and {said}.")
            await self._replace(name, rows if rows is not None else schema.empty_table())
        if copy.problem:
            await self.connection.drop_table(copy_of(name), ignore_missing=True)
        await write_copy(self.connection, name)

    async def _remade(self, name: str, schema: pa.Schema, *, lost: str) -> None:
        """Mend a table whose rows can be made from the files."""
        whole = await self._read(name)
        if not whole.problem:
            return
        rows = whole.rows if whole.rows is not None else schema.empty_table()
        said = "its rows have been kept" if whole.rows is not None else f"lost: {lost}"
        self.done.append(f"The table {name} was damaged; {said}.")
        await self._replace(name, rows)

    async def _generation(self, generation: Generation) -> None:
        passages, states = (f"{prefix}{generation.fingerprint}" for prefix in (PASSAGES_PREFIX, STATES_PREFIX))
        await self._remade(passages, passages_schema(generation.dimension), lost="passages, which are embedded again")
        await self._remade(states, STATES_SCHEMA, lost="token states, which are computed again")
        table = await self.connection.open_table(passages)
        await create_indexes(table)
        if any("vector" in index.columns for index in await table.list_indices()):
            await table.drop_index("vector_idx")  # the update that follows makes it again if it is worth it
        await index_states(await self.connection.open_table(states))
        await self._rows(table, dimension=generation.dimension)

    async def _rows(self, passages: lancedb.AsyncTable, *, dimension: int) -> None:
        """Delete what stands twice, and what is not as it was written, so that the update writes it again."""
        documents = await self.connection.open_table(DOCUMENTS)
        try:
            faults = await row_faults(
                documents=await documents.query().to_arrow(), passages=passages, states=None, dimension=dimension
            )
        except (DamagedIndexError, ValueError, KeyError, TypeError, pa.ArrowException):
            self.done.append("Passages were not such as were ever written; lost: passages, which are embedded again.")
            await self._replace(passages.name, passages_schema(dimension).empty_table())
            await create_indexes(await self.connection.open_table(passages.name))
            return
        await self._delete(passages, [f"_rowid IN ({_listed(rows)})" for rows in _batches(faults.doubled)])
        await self._delete(passages, [any_of("docid", docids) for docids in _batches(sorted(faults.wrong))])
        await self._delete(documents, [any_of("key", keys) for keys in _batches(faults.unnamed)])
        self.done += faults.mended()

    async def _delete(self, table: lancedb.AsyncTable, clauses: Sequence[str]) -> None:
        for clause in clauses:
            await table.delete(clause)

    async def _read(self, name: str) -> Whole:
        if name in await table_names(self.connection):
            return await read_whole(self.connection, name)
        return Whole(None, f"the table {name} is missing")

    async def _replace(self, name: str, rows: pa.Table) -> None:
        await self.connection.drop_table(name, ignore_missing=True)
        await self.connection.create_table(name, rows)


def _serving(metadata: Mapping[str, str]) -> Generation | None:
    try:
        return serving_of(metadata)
    except ValueError:  # the value is no generation
        return None


def _mapping(rows: pa.Table) -> dict[str, str]:
    return dict(zip(rows["key"].to_pylist(), rows["value"].to_pylist(), strict=True))


def _listed(rows: Sequence[int]) -> str:
    return ", ".join(map(str, rows))


def _batches(values: Sequence[Value]) -> list[Sequence[Value]]:
    return [values[start : start + _BATCH] for start in range(0, len(values), _BATCH)]
