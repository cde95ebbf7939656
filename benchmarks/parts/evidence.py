"""The evidence of a set's queries as the product gathers it, for programs that measure what fusion makes of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from qmd_mcp.application.engine import DEFAULT_PROFILE, index_identity, open_engine
from qmd_mcp.application.search_assembly import fuser_of, trained_weights
from qmd_mcp.domain.availability import Absent
from qmd_mcp.evaluation.datasets import Dataset
from qmd_mcp.evaluation.evidence_source import EvidenceSource, open_source
from qmd_mcp.evaluation.runner import index_dataset, index_folder, index_of
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.retrieval.answering.judge import Judge, Judged
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.ranking.fuser import Fused, Fuser
from qmd_mcp.settings import Settings


@dataclass(frozen=True, slots=True)
class ProductRanking:
    """Fuses and judges evidence exactly as the product does under some settings."""

    fuser: Fuser
    judge: Judge

    def fused(self, evidence: Evidence, query: ParsedQuery) -> Fused:
        """The fused scores of one query's candidates."""
        return self.fuser.fuse(evidence, query.text)

    def judged(self, evidence: Evidence, query: ParsedQuery) -> Judged:
        """The relevance of one query's candidates, before any reranker."""
        return self.judge.judge(self.fused(evidence, query))


def product_ranking(settings: Settings) -> ProductRanking:
    """How the product fuses and judges under these settings, with an embedder that weights were trained for."""
    embedder = user_catalogue().embedder(settings.embedder or DEFAULT_PROFILE)
    weights = trained_weights(embedder)
    assert weights is not None, "an embedder with trained weights is asked for"
    return ProductRanking(fuser_of(settings, embedder, weights=weights), Judge(weights))


@asynccontextmanager
async def evidence_of(
    dataset: Dataset, settings: Settings, *, ranking: ProductRanking
) -> AsyncGenerator[EvidenceSource]:
    """Open a set's index, made if it is missing; the first candidates are compared with the query token by token."""
    place = index_folder(dataset, identity=index_identity(settings))
    async with open_engine(settings, index_of(place), create=True) as engine:
        await index_dataset(engine, dataset, folder=place, progress=lambda _: None)
        assert not isinstance(engine.tokens, Absent), engine.tokens.reason
        async with open_source(
            index_of(place),
            tokens=engine.tokens,
            first_scores=lambda evidence, query: ranking.fused(evidence, query).scores,
        ) as source:
            yield source
