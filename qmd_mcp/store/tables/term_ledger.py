"""Keeping the table of terms up to date while passages are added and removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Sequence

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.text.term_analysis import TermAnalysis
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.term_table import TermTable, count_terms

TERMS_KEY = "terms"
"""Key of the metadata that says whether the terms are complete."""
_STALE = "stale"
"""Its value while an indexing run changes passages."""


def complete_mark(fingerprint: str) -> str:
    """The value in the metadata which says that the terms are those of a generation's passages."""
    return f"complete {fingerprint}"


class TermLedger:
    """Adds up the terms of the passages that one indexing run adds and removes, and writes the sums at its end.

    A run marks the terms as stale before its first change and as complete after its last. If a run finds them marked as
    stale, an earlier run has died in between, and all terms are counted anew at the end.
    """

    def __init__(self, *, database: Database, passages: PassageTable, terms: TermTable) -> None:
        self._database = database
        self._passages = passages
        self._analysis = TermAnalysis(passages.terms_of)
        self._terms = terms
        self._added: Counter[str] = Counter()
        self._removed: Counter[str] = Counter()
        self._began = False
        self._recount = False

    async def added(self, passages: Sequence[Passage]) -> None:
        """Count the terms of passages that are being added."""
        await self._begin()
        self._added.update(await count_terms(passages, analysis=self._analysis))

    async def removing(self, docids: Sequence[str]) -> None:
        """Count the terms of the passages of documents, which are deleted afterwards."""
        await self._begin()
        self._removed.update(await self._count(self._passages.of_documents(docids)))

    async def settle(self) -> None:
        """Bring the table of terms up to date; nothing is written if the run changed no passage."""
        complete = complete_mark(self._passages.fingerprint)
        mark = (await self._database.metadata()).get(TERMS_KEY)
        if not self._began and mark == complete:
            return
        if self._recount or not self._began:
            await self._terms.replace(await self._count(self._passages.batches()))
        else:
            await self._terms.change(added=self._added, removed=self._removed)
        await self._database.put(**{TERMS_KEY: complete})

    async def _begin(self) -> None:
        if self._began:
            return
        self._began = True
        mark = (await self._database.metadata()).get(TERMS_KEY, "")
        self._recount = mark != complete_mark(self._passages.fingerprint)
        await self._database.put(**{TERMS_KEY: _STALE})

    async def _count(self, batches: AsyncIterable[Sequence[Passage]]) -> Counter[str]:
        counts: Counter[str] = Counter()
        async for passages in batches:
            counts.update(await count_terms(passages, analysis=self._analysis))
        return counts
