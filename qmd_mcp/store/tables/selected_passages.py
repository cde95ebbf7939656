"""Passages that are looked up by what selects them, without ranking them for an answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import LexicalQuery, Scope
from qmd_mcp.store.fulltext.full_text_query import query_of_what_has
from qmd_mcp.store.lance.sql import in_scope
from qmd_mcp.store.tables.passage_table import PassageTable


@dataclass(frozen=True, slots=True)
class SelectedPassages:
    """The passages of one generation as filters and phrases select them, whether their documents are visible or not."""

    passages: PassageTable

    async def listed(self, scope: Scope, *, limit: int) -> tuple[Passage, ...]:
        """The first passage of each document of a scope, those with the newest date first."""
        newest = await self.passages.snapshot()
        clause = " AND ".join(filter(None, ("ordinal = 0", in_scope(scope))))
        found = await newest.selected(clause, columns=["date_ns"])
        dates = found["date_ns"].fill_null(np.iinfo(np.int64).min).to_numpy()
        order = np.argsort(-dates.astype(np.float64), kind="stable")[:limit]
        return await newest.passages(found["_rowid"].to_numpy()[order].tolist())

    async def with_phrase(self, query: LexicalQuery, *, phrase: str, scope: Scope, limit: int) -> tuple[Passage, ...]:
        """The best passages with words or phrases of a query that also have a further phrase, which it may negate."""
        newest = await self.passages.snapshot()
        found = await newest.by_text(
            lambda damaged: query_of_what_has(query, phrase, without=damaged), where=in_scope(scope), limit=limit
        )
        return await newest.passages(found["_rowid"].to_pylist())

    async def count(self, scope: Scope) -> int:
        """The number of passages of a scope."""
        return await (await self.passages.snapshot()).count_of(in_scope(scope))
