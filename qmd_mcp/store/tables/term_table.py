"""How many passages each analysed term occurs in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import anyio
import lancedb
import pyarrow as pa

from qmd_mcp.domain.documents import Passage
from qmd_mcp.store.lance.database import VERSIONS_KEPT, Database
from qmd_mcp.store.lance.schema import TERMS, TERMS_SCHEMA
from qmd_mcp.store.lance.sql import any_of
from qmd_mcp.store.lance.table_version import TableVersion

_BATCH = 200
"""Passages analysed in one call: a call costs .4 ms and the analysis of a passage .015 (measured), so that at 200
the call is a tenth of the work; larger batches only hold the result longer."""

_SEPARATOR = "qzpassagebreakzq"
"""A word that stands between the passages of a batch and in no text."""

KNOWN_TERMS = 100_000
"""Terms up to which all are kept in memory, some 10 MB: asking the table takes 2 ms, twice in every `query`."""

Analysis: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]


class TermTable:
    """Terms and their document frequencies, in passages; serves diagnosis and rarity.

    The table is a sum over passages. It is brought up to date by what an update added and removed, and counted anew
    when an earlier update ended without having done so.
    """

    def __init__(self, table: lancedb.AsyncTable, *, uri: str, most_in_memory: int = KNOWN_TERMS) -> None:
        self._table = table
        self._most_in_memory = most_in_memory
        self._version = TableVersion(table, uri=uri)
        self._reading = anyio.Lock()
        self._known: tuple[int, Mapping[str, int] | None] = (-1, None)
        """Every term at one version; null where there are too many."""

    @classmethod
    async def open(cls, database: Database) -> TermTable:
        """The table of an index."""
        return cls(await database.connection.open_table(TERMS), uri=database.uri)

    async def frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        """Passages in which each term occurs; 0 for a term that occurs nowhere."""
        if not terms:
            return {}
        known = await self.in_memory()
        if known is None:
            known = _counts(await self._table.query().where(any_of("term", terms)).to_arrow())
        return {term: known.get(term, 0) for term in terms}

    async def all(self) -> Mapping[str, int]:
        """Every term."""
        known = await self.in_memory()
        return _counts(await self._table.query().to_arrow()) if known is None else known

    async def in_memory(self) -> Mapping[str, int] | None:
        """Every term as the table has them now; null where there are too many to keep."""
        if await self._version.newest() != self._known[0]:
            async with self._reading:  # the others wait for the first
                version = await self._version.newest()
                if version != self._known[0]:
                    few = await self._table.count_rows() <= self._most_in_memory
                    self._known = (version, _counts(await self._table.query().to_arrow()) if few else None)
        return self._known[1]

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


def _counts(rows: pa.Table) -> dict[str, int]:
    return dict(zip(rows["term"].to_pylist(), rows["passages"].to_pylist(), strict=True))


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
