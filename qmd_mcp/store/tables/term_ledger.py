"""Keeping document frequencies while passages come and go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qmd_mcp.domain.documents import Passage
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.term_table import TermTable, count_terms

TERMS_KEY = "terms"
_STALE = "stale"


def complete_mark(fingerprint: str) -> str:
    """What the metadata says when the terms are those of a generation's passages."""
    return f"complete {fingerprint}"


class TermLedger:
    """Sums up what one run adds and removes, and writes it at the end.

    A run marks the terms stale before its first change and complete after its last. Where the mark says that an
    earlier run died in between, all terms are counted anew at the end of this one.
    """

    def __init__(self, *, database: Database, passages: PassageTable, terms: TermTable) -> None:
        self._database = database
        self._passages = passages
        self._terms = terms
        self._added: Counter[str] = Counter()
        self._removed: Counter[str] = Counter()
        self._began = False
        self._recount = False

    async def added(self, passages: Sequence[Passage]) -> None:
        """Count passages in."""
        await self._begin()
        self._added.update(await self._count(passages))

    async def removing(self, docids: Sequence[str]) -> None:
        """Count the passages of documents out, before they are deleted."""
        await self._begin()
        self._removed.update(await self._count(await self._passages.of_documents(docids)))

    async def settle(self) -> None:
        """Write the sums; nothing if nothing changed."""
        complete = complete_mark(self._passages.fingerprint)
        mark = (await self._database.metadata()).get(TERMS_KEY)
        if not self._began and mark == complete:
            return
        if self._recount or not self._began:
            await self._terms.replace(await self._count(await self._passages.all()))
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

    async def _count(self, passages: Sequence[Passage]) -> Counter[str]:
        return await count_terms(passages, analyse=self._passages.terms_of)
