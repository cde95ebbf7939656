"""The candidates of a query in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.literal_phrases import literal_first
from qmd_mcp.retrieval.ranking.rerank_blend import probabilities, reranked


@dataclass(frozen=True, slots=True)
class RankedCandidates:
    """Rows of the evidence in the order in which they are shown, and what each owes its place to."""

    rows: tuple[int, ...]
    """Rows of the evidence, best first; only those that may be shown."""
    scores: FloatArray
    """[candidates], by row of the evidence."""
    relevance: FloatArray | None
    """[candidates] probabilities, by row of the evidence, NaN for one that could not be judged; None if none could."""
    logits: Mapping[int, float] = field(default_factory=dict)
    """What a cross-encoder said about the rows that it read."""

    @classmethod
    def of(cls, scores: FloatArray, *, relevance: FloatArray | None, shown: NDArray[np.bool_]) -> RankedCandidates:
        """Order the rows that may be shown, [candidates], by their scores."""
        rows = tuple(int(row) for row in np.argsort(-scores, kind="stable") if shown[row])
        return cls(rows, scores=scores, relevance=relevance)

    def relevance_of(self, row: int) -> float | None:
        """How likely a candidate is to be relevant; None if that is not known."""
        if self.relevance is None or np.isnan(self.relevance[row]):
            return None
        return float(self.relevance[row])

    def at_least(self, relevance: float) -> RankedCandidates:
        """Without the candidates that are less likely to be relevant; those of which that is not known stay."""
        if self.relevance is None:
            return self
        return replace(self, rows=tuple(row for row in self.rows if not self.relevance[row] < relevance))

    def with_literal_first(self, phrases: Sequence[str], evidence: Evidence) -> RankedCandidates:
        """The candidates that have the phrases literally, then those that have them in other forms of their words."""
        order = literal_first(phrases, [evidence.passages[row] for row in self.rows])
        return replace(self, rows=tuple(self.rows[position] for position in order))

    def reordered(self, read: Sequence[int], logits: FloatArray) -> RankedCandidates:
        """Put the rows that a cross-encoder has read first, ordered by its logits and by their relevance so far.

        The other rows follow in the order they had; none of them is scored above what was read.
        """
        strongest = max(float(self.scores.max(initial=0.0)), 1e-6)
        fused = np.clip(self.scores / strongest, 0.0, 1.0)
        prior = fused if self.relevance is None else self.relevance
        chosen = list(read)  # numpy takes a tuple for one index of several dimensions
        likely = probabilities(reranked(prior[chosen], logits))
        scores = (float(likely.min()) * fused).astype(np.float32)
        scores[chosen] = likely
        relevance = scores.copy() if self.relevance is None else np.minimum(self.relevance, likely.min())
        relevance[chosen] = likely
        already = frozenset(read)
        return replace(
            self,
            rows=(
                *(read[position] for position in np.argsort(-likely, kind="stable")),
                *(row for row in self.rows if row not in already),
            ),
            scores=scores,
            relevance=relevance,
            logits={row: float(logit) for row, logit in zip(read, logits, strict=True)},
        )
