"""In how many passages each analysed term occurs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import anyio.to_thread
import lancedb
import pyarrow as pa

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.text.scripts import script_of
from qmd_mcp.domain.text.searched_text import SearchedText
from qmd_mcp.domain.text.term_analysis import TermAnalysis
from qmd_mcp.store.lance.database import VERSIONS_KEPT, Database
from qmd_mcp.store.lance.once_per_version import OncePerVersion
from qmd_mcp.store.lance.schema import TERMS, TERMS_SCHEMA
from qmd_mcp.store.lance.sql import any_of
from qmd_mcp.store.lance.table_version import TableVersion

_BATCH = 200
"""Passages that are analysed in one call. A call costs .4 ms and the analysis of one passage .015 ms (measured), so
with 200 passages the call itself is about a tenth of the time, and a larger batch would only hold more in memory."""

KNOWN_TERMS = 100_000
"""Up to so many terms all of them are kept in memory, which takes some 10 MB: reading the table takes 2 ms, and every
`query` would do so twice."""


class TermTable:
    """The terms of the index and the number of passages in which each occurs, for rarity and diagnosis.

    An update changes these numbers by what it added and removed. They are counted anew if an earlier update died before
    it could do so.
    """

    def __init__(self, table: lancedb.AsyncTable, *, uri: str, most_in_memory: int = KNOWN_TERMS) -> None:
        self._table = table
        self._most_in_memory = most_in_memory
        version = TableVersion(table, uri=uri)
        self._known = OncePerVersion(version=version.newest, read=self._read)
        self._scripts = OncePerVersion(version=version.newest, read=self._read_scripts)

    @classmethod
    async def open(cls, database: Database) -> TermTable:
        """Open the table of an index."""
        return cls(await database.connection.open_table(TERMS), uri=database.uri)

    async def frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        """The number of passages in which each term occurs; 0 for a term that occurs nowhere."""
        if not terms:
            return {}
        known = await self.in_memory()
        if known is None:
            known = _counts(await self._table.query().where(any_of("term", terms)).to_arrow())
        return {term: known.get(term, 0) for term in terms}

    async def all(self) -> Mapping[str, int]:
        """The frequency of every term."""
        known = await self.in_memory()
        return await anyio.to_thread.run_sync(_counts, await self._table.query().to_arrow()) if known is None else known

    async def in_memory(self) -> Mapping[str, int] | None:
        """The frequency of every term; None if there are too many terms to keep in memory."""
        return await self._known.get()

    async def scripts(self) -> Mapping[str, int]:
        """How often terms of each script occur, by ISO 15924 code: a term counts once for each passage that has it."""
        return await self._scripts.get()

    @property
    def reads(self) -> int:
        """How often the terms in memory were read anew, because the table had another version."""
        return self._known.reads

    async def change(self, *, added: Counter[str], removed: Counter[str]) -> None:
        """Apply what an update added and removed, in one commit."""
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
        """Drop versions that are older than an hour; there are no fragments to merge, since every write is whole."""
        await self._table.optimize(cleanup_older_than=VERSIONS_KEPT)

    async def _read(self) -> Mapping[str, int] | None:
        few = await self._table.count_rows() <= self._most_in_memory
        return _counts(await self._table.query().to_arrow()) if few else None

    async def _read_scripts(self) -> Mapping[str, int]:
        return await anyio.to_thread.run_sync(count_scripts, await self.all())


def count_scripts(counts: Mapping[str, int]) -> Counter[str]:
    """How often terms of each script occur, by ISO 15924 code."""
    found: Counter[str] = Counter()
    for term, passages in counts.items():
        script = script_of(term)
        if script is not None:
            found[script] += passages
    return found


def _counts(rows: pa.Table) -> dict[str, int]:
    return dict(zip(rows["term"].to_pylist(), rows["passages"].to_pylist(), strict=True))


async def count_terms(passages: Iterable[Passage], *, analysis: TermAnalysis) -> Counter[str]:
    """The number of these passages in which each term occurs."""
    counts: Counter[str] = Counter()
    texts = iter([SearchedText.of(passage).joined() for passage in passages])
    while batch := list(islice(texts, _BATCH)):
        for terms in await analysis.of_each(batch):
            counts.update(set(terms))
    return counts
