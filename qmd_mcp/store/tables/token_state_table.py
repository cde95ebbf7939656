"""Token states of the passages of one generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import BTree

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.token_states import CodeArray, PackedStates
from qmd_mcp.store.lance.database import VERSIONS_KEPT, Database, table_names
from qmd_mcp.store.lance.schema import STATES_PREFIX
from qmd_mcp.store.lance.sql import any_of
from qmd_mcp.store.tables.passage_table import LOOKUP_BATCH, PassageTable

_SCHEMA = pa.schema(
    [
        pa.field("text_hash", pa.string(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("codes", pa.binary(), nullable=False),
    ]
)

Codes: TypeAlias = Mapping[str, CodeArray]
"""Packed states [tokens, bytes] by text hash."""


class StateTable:
    """One row for each embedded text; a table of its own, so that no other read pays for it.

    `fingerprint` names embedder, chunking and projection. A text that is missing is no error: its passages are
    ranked without late interaction.
    """

    def __init__(self, table: lancedb.AsyncTable, *, passages: PassageTable) -> None:
        self._table = table
        self._passages = passages

    @classmethod
    async def is_made(cls, database: Database, *, fingerprint: str) -> bool:
        """Whether `open` has nothing to make."""
        name = f"{STATES_PREFIX}{fingerprint}"
        if name not in await table_names(database.connection):
            return False
        return bool(await (await database.connection.open_table(name)).list_indices())

    @classmethod
    async def open(cls, database: Database, *, fingerprint: str, passages: PassageTable) -> StateTable:
        """Open the states of a generation's passages, or begin an empty table, under the writer's lock."""
        name = f"{STATES_PREFIX}{fingerprint}"
        if name in await table_names(database.connection):
            table = await database.connection.open_table(name)
        else:
            table = await database.connection.create_table(name, schema=_SCHEMA, exist_ok=True)
        if not await table.list_indices():  # new, or the process that made it died in between
            await table.create_index("text_hash", config=BTree(), replace=True)
        return cls(table, passages=passages)

    async def add(self, codes: Codes) -> None:
        """Write states of texts that have none yet, under the writer's lock."""
        if not codes:
            return
        rows = pa.table(
            {
                "text_hash": list(codes),
                "tokens": pa.array([len(each) for each in codes.values()], type=pa.int32()),
                "codes": pa.array([each.tobytes() for each in codes.values()], type=pa.binary()),
            },
            schema=_SCHEMA,
        )
        await self._table.add(rows)

    async def known(self, hashes: Sequence[str]) -> frozenset[str]:
        """Those of the texts that have states."""
        found: set[str] = set()
        for start in range(0, len(hashes), LOOKUP_BATCH):
            clause = any_of("text_hash", hashes[start : start + LOOKUP_BATCH])
            rows = await self._table.query().where(clause).select(["text_hash"]).to_arrow()
            found.update(rows["text_hash"].to_pylist())
        return frozenset(found)

    async def states(self, passages: Sequence[Passage]) -> PackedStates:
        """Unit states [tokens, width] by text hash; passages without are missing."""
        if not passages:
            return PackedStates({})
        clause = any_of("text_hash", sorted({passage.text_hash for passage in passages}))
        rows = await self._table.query().where(clause).to_arrow()
        columns = (rows[name].to_pylist() for name in ("text_hash", "tokens", "codes"))
        return PackedStates(
            {
                text_hash: np.frombuffer(codes, dtype=np.uint8).reshape(tokens, -1)
                for text_hash, tokens, codes in zip(*columns, strict=True)
                if tokens
            }
        )

    async def without_states(self, *, limit: int) -> tuple[Passage, ...]:
        """Passages whose text is not encoded yet, one for each text."""
        missing = sorted(await self._passages.text_hashes() - await self._every_hash())[:limit]
        found = await self._passages.of_texts(missing)
        return tuple({passage.text_hash: passage for passage in found}.values())

    async def sweep(self) -> None:
        """Delete the states of texts that no passage has any more."""
        gone = sorted(await self._every_hash() - await self._passages.text_hashes())
        for start in range(0, len(gone), LOOKUP_BATCH):
            await self._table.delete(any_of("text_hash", gone[start : start + LOOKUP_BATCH]))

    async def optimize(self) -> None:
        """Merge small fragments, drop versions older than an hour."""
        await self._table.optimize(cleanup_older_than=VERSIONS_KEPT)

    async def version(self) -> int:
        """Counts every write."""
        return int(await self._table.version())

    async def _every_hash(self) -> frozenset[str]:
        return frozenset((await self._table.query().select(["text_hash"]).to_arrow())["text_hash"].to_pylist())
