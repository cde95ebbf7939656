"""Everything that is known about one query's candidates, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import FloatArray, Ranking
from qmd_mcp.retrieval.query.term_occurrences import Term

RankArray: TypeAlias = NDArray[np.int64]

UNRANKED = np.iinfo(np.int64).max
"""The rank of a candidate in a list that does not contain it: behind every other rank."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The union of the lists, filled once; the stages that follow are pure functions of it."""

    passages: tuple[Passage, ...]
    bm25: FloatArray
    """[candidates]; 0 if lexical retrieval did not find the candidate."""
    cosine: FloatArray
    """[candidates]; exact for every candidate, whichever list found it; NaN if it has no vector yet."""
    lexical_rank: RankArray
    """[candidates]; 0 is the best."""
    dense_rank: RankArray
    """[candidates]; 0 is the best."""
    support: FloatArray
    """[candidates]; the sum over the sub-queries' lists of how near the top the candidate stands, 0 to 1 for a list."""
    vectors: FloatArray
    """[candidates, dimension]; unit length, NaN for a passage that is not embedded yet."""
    maxsim: FloatArray
    """[candidates]; the score of late interaction, NaN for a candidate that was not compared."""
    unmet: FloatArray
    """[candidates]; how rare the query's word is that the candidate meets least, NaN for one that was not compared."""
    terms: tuple[Term, ...] = ()
    """The query's content words as the index analyses them, in the query's order."""
    indexed: int = 0
    """The number of passages in the index, by which the terms' rarity is measured."""

    def __len__(self) -> int:
        """The number of candidates."""
        return len(self.passages)

    def found_by_the_query(self) -> frozenset[tuple[str, int]]:
        """Docid and ordinal of the candidates in the query's own two lists, whatever the sub-queries found."""
        own = (self.lexical_rank != UNRANKED) | (self.dense_rank != UNRANKED)
        return frozenset((self.passages[row].docid, self.passages[row].ordinal) for row in np.flatnonzero(own))


def gather(
    *,
    lexical: Ranking,
    dense: Ranking | None,
    query: FloatArray | None,
    supporting: Sequence[Ranking] = (),
    terms: Sequence[Term] = (),
    indexed: int = 0,
) -> Evidence:
    """Join the lists into one table.

    Args:
        lexical: what BM25 found.
        dense: what dense retrieval found; None if it did not run.
        query: the query's unit vector, [dimension]; None if it was not embedded.
        supporting: what each sub-query found.
        terms: the query's analysed terms.
        indexed: the number of passages in the index.
    """
    rows: dict[tuple[str, int], int] = {}
    passages: list[Passage] = []
    vectors: list[FloatArray] = []
    for ranking in (lexical, dense, *supporting):
        if ranking is None:
            continue
        for passage, vector in zip(ranking.passages, ranking.vectors, strict=True):
            key = (passage.docid, passage.ordinal)
            if key not in rows:
                rows[key] = len(passages)
                passages.append(passage)
                vectors.append(vector)
    bm25 = np.zeros(len(passages), dtype=np.float32)
    bm25[: len(lexical.scores)] = lexical.scores
    lexical_rank = np.full(len(passages), UNRANKED)
    lexical_rank[: len(lexical.passages)] = np.arange(len(lexical.passages))
    dense_rank = np.full(len(passages), UNRANKED)
    if dense is not None:
        for rank, passage in enumerate(dense.passages):
            dense_rank[rows[passage.docid, passage.ordinal]] = rank
    support = np.zeros(len(passages), dtype=np.float32)
    for ranking in supporting:
        for rank, passage in enumerate(ranking.passages):
            support[rows[passage.docid, passage.ordinal]] += 1.0 - rank / len(ranking.passages)
    unknown = np.full(len(passages), np.nan, dtype=np.float32)
    stacked = np.stack(vectors) if vectors else np.empty((0, 0), dtype=np.float32)
    cosine = unknown if query is None or not passages else (stacked @ query).astype(np.float32)
    return Evidence(
        tuple(passages),
        bm25=bm25,
        cosine=cosine,
        lexical_rank=lexical_rank,
        dense_rank=dense_rank,
        support=support,
        vectors=stacked,
        maxsim=unknown,
        unmet=unknown,
        terms=tuple(terms),
        indexed=indexed,
    )
