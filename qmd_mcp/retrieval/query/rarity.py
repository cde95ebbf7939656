"""How much each token of a query says, by how rare its word is in the index."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.text.term_analysis import TermAnalysis
from qmd_mcp.retrieval.search_protocols import TermFrequencies


class Rarities:
    """Weighs the embedder's tokens by the inverse document frequency of the words that they are pieces of."""

    def __init__(self, vocabulary: TermFrequencies) -> None:
        self._vocabulary = vocabulary
        self._analysis = TermAnalysis(vocabulary.terms_of)

    async def weights(self, query: str, spans: Sequence[tuple[int, int]]) -> FloatArray:
        """[tokens]; `spans` says which characters of the query each token stands for.

        A token of a word weighs 1 plus the word's rarity, a punctuation mark 1, a special token 0.
        """
        words = words_of(query, spans)
        distinct = list(dict.fromkeys(word for word in words if word))
        terms = await self._analysis.of_each(distinct)
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


def rarity(frequency: int, *, total: int) -> float:
    """BM25's inverse document frequency (Robertson and Zaragoza, 2009, section 3.4), kept above zero by adding 1."""
    return math.log1p((total - min(frequency, total) + 0.5) / (frequency + 0.5))


def words_of(query: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """For each token the word that it is a piece of; adjacent pieces of letters and digits belong to one word.

    Special tokens and punctuation marks have the empty word.
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
