"""The analysed terms of an index, for diagnosis."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from qmd_mcp.domain.lookup import LexicalQuery, Scope
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.term_table import TermTable

_WORD = re.compile(r"[^\W_]+")
_STEM = 3
"""Letters that a word and its stem share at least."""


class StoredVocabulary:
    """Joins the passages' analysis with the terms' frequencies."""

    def __init__(self, *, passages: PassageTable, terms: TermTable) -> None:
        self._passages = passages
        self._terms = terms

    async def terms_of(self, text: str) -> Sequence[str]:
        """A text's terms, in order."""
        return await self._passages.terms_of(text)

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        """Passages in which each term occurs."""
        return await self._terms.frequencies(terms)

    async def passages(self) -> int:
        """Passages of the index."""
        return await self._passages.count()

    async def surface(self, term: str) -> str:
        """A word of the index that has this term; the term itself where none is found."""
        ranking = await self._passages.lexical(LexicalQuery((term,)), scope=Scope(), limit=1, vectors="without")
        for passage in ranking.passages:
            for word in sorted({str(found) for found in _WORD.findall(passage.embedded_text.lower())}, key=len):
                if word[:_STEM] == term[:_STEM] and await self._passages.terms_of(word) == (term,):
                    return word
        return term

    async def terms_at_hand(self) -> Mapping[str, int]:
        """Every term, or none where there are so many that they must be read."""
        return await self._terms.in_memory() or {}

    async def all_terms(self) -> Mapping[str, int]:
        """Every term of the index."""
        return await self._terms.all()
