"""How much each token of a query says, by how rare its word is in the index."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.text.term_analysis import TermAnalysis
from qmd_mcp.retrieval.query.stopwords import STOP_WORDS
from qmd_mcp.retrieval.search_protocols import TermFrequencies

QUESTION_WORDS = frozenset(
    (
        *("mean", "means", "meaning", "work", "works", "happen", "happens", "say", "says", "tell", "show", "explain"),
        *("find", "get", "make", "need", "use", "used", "using", "want", "much", "many", "long", "often", "happened"),
    )
)
"""Words with which questions are put, beside the function words. A passage answers "what does it mean" without them,
and in a small index they are as rare as a name."""


@dataclass(frozen=True, slots=True)
class TokenWeights:
    """How much the tokens of a query say."""

    tokens: FloatArray
    """[tokens]; 1 plus the rarity of the token's word, 1 for a punctuation mark, 0 for a special token."""
    word_of: FloatArray
    """[tokens, content words]; each word's share of its tokens: 1 / n for each of the n tokens of the word, else 0."""
    words: FloatArray
    """[content words]; the rarity of each word, as a share of that of a word which the index lacks.

    Function words and `QUESTION_WORDS` are no content words.
    """


class Rarities:
    """Weighs the embedder's tokens by the inverse document frequency of the words that they are pieces of."""

    def __init__(self, vocabulary: TermFrequencies) -> None:
        self._vocabulary = vocabulary
        self._analysis = TermAnalysis(vocabulary.terms_of)

    async def weights(self, query: str, spans: Sequence[tuple[int, int]]) -> TokenWeights:
        """Weigh the tokens; `spans` says which characters of the query each token stands for, [tokens]."""
        words = words_of(query, spans)
        distinct = list(dict.fromkeys(word for word in words if word))
        terms = await self._analysis.of_each(distinct)
        frequencies = await self._vocabulary.frequencies(sorted({term for each in terms for term in each}))
        total = await self._vocabulary.passages()
        rarities = {
            word: max((rarity(frequencies[term], total=total) for term in each), default=0.0)
            for word, each in zip(distinct, terms, strict=True)
        }
        content = [word for word in distinct if word.lower() not in STOP_WORDS | QUESTION_WORDS]
        pieces = np.array([[word == each for each in content] for word in words], dtype=np.float32)
        pieces = pieces.reshape(len(words), len(content))
        return TokenWeights(
            np.array(
                [
                    1.0 + rarities.get(word, 0.0) if start < end else 0.0
                    for word, (start, end) in zip(words, spans, strict=True)
                ],
                dtype=np.float32,
            ),
            word_of=pieces / np.maximum(pieces.sum(axis=0), 1.0),
            words=np.array([rarities[word] for word in content], dtype=np.float32) / rarity(0, total=total),
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
