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
"""The rank of a candidate that a list does not have: behind every other."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The union of the lists, filled once; what comes after are pure functions over it."""

    passages: tuple[Passage, ...]
    bm25: FloatArray
    """[candidates]; 0 where lexical retrieval did not find it."""
    cosine: FloatArray
    """[candidates]; exact for every candidate, whichever list found it; NaN where it has no vector yet."""
    lexical_rank: RankArray
    """[candidates]; 0 is best."""
    dense_rank: RankArray
    """[candidates]; 0 is best."""
    support: FloatArray
    """[candidates]; over the lists of sub-queries, how near their top each stands: 0 to 1 a list."""
    vectors: FloatArray
    """[candidates, dimension]; unit length, NaN where a passage is not embedded yet."""
    maxsim: FloatArray
    """[candidates]; late interaction's score, NaN where it was not computed."""
    terms: tuple[Term, ...] = ()
    """The query's content words as the index analyses them, in the query's order."""
    indexed: int = 0
    """Passages of the index, against which the terms are rare or not."""

    def __len__(self) -> int:
        """Candidates."""
        return len(self.passages)


def gather(
    *,
    lexical: Ranking,
    dense: Ranking | None,
    query: FloatArray | None,
    supporting: Sequence[Ranking] = (),
    terms: Sequence[Term] = (),
    indexed: int = 0,
) -> Evidence:
    """Join the lists; `query` is the query's unit vector [dimension]."""
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
        terms=tuple(terms),
        indexed=indexed,
    )
