"""The table of token states of one generation's passages, for late interaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TypeAlias

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.index import BTree

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.token_states import CodeArray, PackedStates
from qmd_mcp.index_errors import DamagedIndexError
from qmd_mcp.store.lance.database import VERSIONS_KEPT, Database, table_names
from qmd_mcp.store.lance.schema import STATES_PREFIX
from qmd_mcp.store.lance.sql import any_of
from qmd_mcp.store.tables.index_damage import without_index
from qmd_mcp.store.tables.passage_table import LOOKUP_BATCH, PassageTable

STATES_SCHEMA = pa.schema(
    [
        pa.field("text_hash", pa.string(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("codes", pa.binary(), nullable=False),
    ]
)

Codes: TypeAlias = Mapping[str, CodeArray]
"""Packed token states [tokens, bytes] of texts, by hash."""


class StateTable:
    """The token states of each embedded text, in a table of its own, so that reading passages does not read them.

    A text may have none: its passages are then ranked without late interaction.
    """

    def __init__(self, table: lancedb.AsyncTable, *, passages: PassageTable) -> None:
        """`passages` are those of the same generation."""
        self._table = table
        self._passages = passages

    @classmethod
    async def is_made(cls, database: Database, *, fingerprint: str) -> bool:
        """Whether the table of a generation and its index exist, so that `open` writes nothing."""
        name = f"{STATES_PREFIX}{fingerprint}"
        if name not in await table_names(database.connection):
            return False
        return bool(await (await database.connection.open_table(name)).list_indices())

    @classmethod
    async def open(cls, database: Database, *, fingerprint: str, passages: PassageTable) -> StateTable:
        """Open the table of a generation; a table or index that is missing is created.

        The caller holds the writer lock unless `is_made`. `fingerprint` names the embedder, the chunking and the
        projection.
        """
        name = f"{STATES_PREFIX}{fingerprint}"
        if name in await table_names(database.connection):
            table = await database.connection.open_table(name)
        else:
            table = await database.connection.create_table(name, schema=STATES_SCHEMA, exist_ok=True)
        if not await table.list_indices():  # a new table, or one whose maker died before it had its index
            await index_states(table)
        return cls(table, passages=passages)

    async def add(self, codes: Codes) -> None:
        """Write the states of texts that have none yet, in one commit; the caller holds the writer lock."""
        if not codes:
            return
        rows = pa.table(
            {
                "text_hash": list(codes),
                "tokens": pa.array([len(each) for each in codes.values()], type=pa.int32()),
                "codes": pa.array([each.tobytes() for each in codes.values()], type=pa.binary()),
            },
            schema=STATES_SCHEMA,
        )
        await self._table.add(rows)

    async def known(self, hashes: Sequence[str]) -> frozenset[str]:
        """Those of the hashes whose text has states."""
        found: set[str] = set()
        for start in range(0, len(hashes), LOOKUP_BATCH):
            clause = any_of("text_hash", hashes[start : start + LOOKUP_BATCH])
            rows = await self._selected(clause, columns=["text_hash"])
            found.update(rows["text_hash"].to_pylist())
        return frozenset(found)

    async def states(self, passages: Sequence[Passage]) -> PackedStates:
        """The states [tokens, width] of passages, by text hash; a passage without states is missing."""
        if not passages:
            return PackedStates({})
        clause = any_of("text_hash", sorted({passage.text_hash for passage in passages}))
        rows = await self._selected(clause, columns=STATES_SCHEMA.names)
        columns = (rows[name].to_pylist() for name in ("text_hash", "tokens", "codes"))
        return PackedStates(
            {
                text_hash: np.frombuffer(codes, dtype=np.uint8).reshape(tokens, -1)
                for text_hash, tokens, codes in zip(*columns, strict=True)
                if tokens
            }
        )

    async def without_states(self, *, batch: int) -> AsyncIterator[tuple[Passage, ...]]:
        """One passage for each text that has no states when the first batch is asked for.

        The texts are looked for once, and the caller may write the states of a batch before it asks for the next.
        """
        missing = sorted(await self._passages.text_hashes() - await self._every_hash())
        for start in range(0, len(missing), batch):
            found = await self._passages.of_texts(missing[start : start + batch])
            if found:
                yield tuple(found.values())

    async def sweep(self) -> None:
        """Delete the states of texts that no passage has any longer."""
        gone = sorted(await self._every_hash() - await self._passages.text_hashes())
        for start in range(0, len(gone), LOOKUP_BATCH):
            await self._table.delete(any_of("text_hash", gone[start : start + LOOKUP_BATCH]))

    async def optimize(self) -> None:
        """Merge small fragments, and drop versions that are older than an hour."""
        await self._table.optimize(cleanup_older_than=VERSIONS_KEPT)

    async def version(self) -> int:
        """A number that grows with every write."""
        return int(await self._table.version())

    async def _selected(self, clause: str, *, columns: Sequence[str]) -> pa.Table:
        """The rows that a filter selects; from the rows themselves if the index cannot be read."""
        try:
            return await self._table.query().where(clause).select(list(columns)).to_arrow()
        except DamagedIndexError:
            return await self._table.query().where(without_index(clause)).select(list(columns)).to_arrow()

    async def _every_hash(self) -> frozenset[str]:
        return frozenset((await self._table.query().select(["text_hash"]).to_arrow())["text_hash"].to_pylist())


async def index_states(table: lancedb.AsyncTable) -> None:
    """Make the index of a table of token states anew."""
    await table.create_index("text_hash", config=BTree(), replace=True)
