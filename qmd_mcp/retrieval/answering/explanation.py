"""Explaining why one hit has its place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from qmd_mcp.domain.answers import Explanation
from qmd_mcp.domain.documents import SubQuery
from qmd_mcp.domain.lookup import Ranking
from qmd_mcp.retrieval.candidates.evidence import UNRANKED, Evidence


def explanation(
    evidence: Evidence,
    row: int,
    *,
    supporting: Sequence[tuple[SubQuery, Ranking]],
    logits: Mapping[int, float],
    features: tuple[tuple[str, float], ...],
) -> Explanation:
    """Ranks and scores of one candidate, which is row `row` of the evidence, in every list.

    `logits` are the cross-encoder's, by row; `features` are what each feature added to the fused score.
    """
    passage = evidence.passages[row]
    key = (passage.docid, passage.ordinal)
    return Explanation(
        lexical_rank=_rank(int(evidence.lexical_rank[row])),
        bm25=_known(float(evidence.bm25[row])) or None,
        dense_rank=_rank(int(evidence.dense_rank[row])),
        cosine=_known(float(evidence.cosine[row])),
        maxsim=_known(float(evidence.maxsim[row])),
        features=features,
        supported_by=tuple(
            f"{line.kind}: {line.text}"
            for line, ranking in supporting
            if any((each.docid, each.ordinal) == key for each in ranking.passages)
        ),
        rerank_logit=_known(logits[row]) if row in logits else None,
    )


def _rank(position: int) -> int | None:
    return None if position == UNRANKED else position + 1


def _known(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
