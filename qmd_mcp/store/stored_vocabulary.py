"""The terms of an index: what a text is analysed to, and how frequent each term is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from qmd_mcp.domain.lookup import LexicalQuery, Scope
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.term_table import TermTable

_WORD = re.compile(r"[^\W_]+")
_STEM = 3
"""Letters at the beginning that a word and its stem have in common at least."""


class StoredVocabulary:
    """Answers what retrieval asks about terms, from the index of the passages and the table of terms."""

    def __init__(self, *, passages: PassageTable, terms: TermTable) -> None:
        self._passages = passages
        self._terms = terms

    async def terms_of(self, text: str) -> Sequence[str]:
        """The terms to which a text is analysed, in their order."""
        return await self._passages.terms_of(text)

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        """The number of passages in which each term occurs."""
        return await self._terms.frequencies(terms)

    async def passages(self) -> int:
        """The number of passages in the index."""
        return await self._passages.count()

    async def surface(self, term: str) -> str:
        """A word of the index that is analysed to this term; the term itself if no such word is found."""
        ranking = await self._passages.lexical(LexicalQuery((term,)), scope=Scope(), limit=1, vectors="without")
        for passage in ranking.passages:
            for word in sorted({str(found) for found in _WORD.findall(passage.embedded_text.lower())}, key=len):
                if word[:_STEM] == term[:_STEM] and await self._passages.terms_of(word) == (term,):
                    return word
        return term

    async def terms_at_hand(self) -> Mapping[str, int]:
        """The frequency of every term; empty if there are too many terms to keep in memory."""
        return await self._terms.in_memory() or {}

    async def all_terms(self) -> Mapping[str, int]:
        """The frequency of every term."""
        return await self._terms.all()
