"""How much each token of a query says."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.search_protocols import TermFrequencies

_SEPARATOR = "qzwordbreakzq"
"""Stands between the words that are analysed in one call."""


class Rarities:
    """Inverse document frequencies of the words that the embedder's tokens are pieces of."""

    def __init__(self, vocabulary: TermFrequencies) -> None:
        self._vocabulary = vocabulary

    async def weights(self, query: str, spans: Sequence[tuple[int, int]]) -> FloatArray:
        """[tokens], from the span of each: 1 and its word's rarity, 1 for a sign, 0 for a special token."""
        words = words_of(query, spans)
        distinct = list(dict.fromkeys(word for word in words if word and _SEPARATOR not in word.lower()))
        terms = await self._terms(distinct)
        frequencies = await self._vocabulary.frequencies(sorted({term for each in terms for term in each}))
        total = await self._vocabulary.passages()
        rarities = {
            word: max((rarity(frequencies[term], total=total) for term in each), default=0.0)
            for word, each in zip(distinct, terms, strict=True)
        }
        return np.array(
            [
                1.0 + rarities.get(word, 0.0) if start < end else 0.0
                for word, (start, end) in zip(words, spans, strict=True)
            ],
            dtype=np.float32,
        )

    async def _terms(self, words: Sequence[str]) -> list[list[str]]:
        """The analysed terms of each word, in one call."""
        if not words:
            return []
        (separator,) = await self._vocabulary.terms_of(_SEPARATOR)
        terms: list[list[str]] = [[]]
        for term in await self._vocabulary.terms_of(f"\n{_SEPARATOR}\n".join(words)):
            if term == separator:
                terms.append([])
            else:
                terms[-1].append(term)
        return terms


def rarity(frequency: int, *, total: int) -> float:
    """BM25's inverse document frequency (Robertson and Zaragoza, 2009, section 3.4), kept above zero by 1 +."""
    return math.log1p((total - min(frequency, total) + 0.5) / (frequency + 0.5))


def words_of(query: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """For each token the word that it is a piece of: adjacent pieces of letters and digits are one word's.

    Special tokens and signs have the empty word.
    """
    words = [""] * len(spans)
    start = 0
    while start < len(spans):
        end = start + 1
        if _is_wordlike(query, spans[start]):
            while end < len(spans) and spans[end][0] == spans[end - 1][1] and _is_wordlike(query, spans[end]):
                end += 1
            words[start:end] = [query[spans[start][0] : spans[end - 1][1]]] * (end - start)
        start = end
    return words


def _is_wordlike(query: str, span: tuple[int, int]) -> bool:
    return any(character.isalnum() for character in query[span[0] : span[1]])
