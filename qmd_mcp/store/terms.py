"""How many passages each analysed term occurs in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias

import lancedb
import pyarrow as pa

from qmd_mcp.documents import Passage
from qmd_mcp.store.database import VERSIONS_KEPT, Database
from qmd_mcp.store.schema import TERMS, TERMS_SCHEMA
from qmd_mcp.store.sql import any_of

_BATCH = 200
"""Passages analysed in one call: a call costs .4 ms and the analysis of a passage .015 (measured), so that at 200
the call is a tenth of the work; larger batches only hold the result longer."""

_SEPARATOR = "qzpassagebreakzq"
"""A word that stands between the passages of a batch and in no text."""

Analysis: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]


class TermTable:
    """Terms and their document frequencies, in passages; serves diagnosis, rarity and feedback.

    The table is a sum over passages. It is brought up to date by what an update added and removed, and counted anew
    when an earlier update ended without having done so.
    """

    def __init__(self, table: lancedb.AsyncTable) -> None:
        self._table = table

    @classmethod
    async def open(cls, database: Database) -> TermTable:
        """The table of an index."""
        return cls(await database.connection.open_table(TERMS))

    async def frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        """Passages in which each term occurs; 0 for a term that occurs nowhere."""
        if not terms:
            return {}
        rows = await self._table.query().where(any_of("term", terms)).to_arrow()
        known = dict(zip(rows["term"].to_pylist(), rows["passages"].to_pylist(), strict=True))
        return {term: int(known.get(term, 0)) for term in terms}

    async def all(self) -> dict[str, int]:
        """Every term."""
        rows = await self._table.query().to_arrow()
        return dict(zip(rows["term"].to_pylist(), rows["passages"].to_pylist(), strict=True))

    async def change(self, *, added: Counter[str], removed: Counter[str]) -> None:
        """Apply an update's differences in one commit."""
        difference = Counter(added)
        difference.subtract(removed)
        changed = [term for term, count in difference.items() if count]
        if not changed:
            return
        counts = await self.all()
        await self.replace(Counter({**counts, **{term: counts.get(term, 0) + difference[term] for term in changed}}))

    async def replace(self, counts: Counter[str]) -> None:
        """Write the whole table anew, in one commit."""
        kept = sorted((term, count) for term, count in counts.items() if count > 0)
        columns = {"term": [term for term, _ in kept], "passages": [count for _, count in kept]}
        await self._table.add(pa.table(columns, schema=TERMS_SCHEMA), mode="overwrite")

    async def optimize(self) -> None:
        """Drop versions older than an hour; every update writes the table anew."""
        await self._table.optimize(cleanup_older_than=VERSIONS_KEPT)


async def count_terms(passages: Iterable[Passage], *, analyse: Analysis) -> Counter[str]:
    """In how many of the passages each term occurs."""
    counts: Counter[str] = Counter()
    batch: list[str] = []
    for passage in passages:
        batch.append(passage.embedded_text)
        if len(batch) == _BATCH:
            counts.update(await _counted(batch, analyse=analyse))
            batch.clear()
    if batch:
        counts.update(await _counted(batch, analyse=analyse))
    return counts


async def _counted(texts: Sequence[str], *, analyse: Analysis) -> Counter[str]:
    counts: Counter[str] = Counter()
    (separator,) = await analyse(_SEPARATOR)
    seen: set[str] = set()
    for term in await analyse(f"\n{_SEPARATOR}\n".join(texts)):
        if term == separator:
            counts.update(seen)
            seen.clear()
        else:
            seen.add(term)
    counts.update(seen)
    return counts
