"""The figures of one search on one evaluation set."""

from __future__ import annotations

from dataclasses import dataclass

from qmd_mcp.domain.documents import Mode
from qmd_mcp.evaluation.metrics import Quality


@dataclass(frozen=True, slots=True)
class Report:
    """Quality and latency of one search on one set."""

    dataset: str
    mode: Mode
    documents: int
    quality: Quality
    p50_ms: float
    """Median wall time of a call for 100 passages in this process, after the warm-up; p95_ms likewise."""
    p95_ms: float
    refused: tuple[str, ...] = ()
    """Ids of the queries that the service refused; they count as having found nothing."""

    def as_json(self) -> dict[str, object]:
        """The figures under the names that papers and leaderboards use."""
        quality = self.quality
        return {
            "set": self.dataset,
            "mode": self.mode,
            "documents": self.documents,
            "queries": quality.queries,
            "ndcg@10": quality.ndcg_at_10,
            "ndcg@10_ci": list(quality.ndcg_at_10_interval),
            "recall@10": quality.recall_at_10,
            "recall@100": quality.recall_at_100,
            "mrr@10": quality.mrr_at_10,
            "p50_ms": self.p50_ms,
            "p95_ms": self.p95_ms,
        }
