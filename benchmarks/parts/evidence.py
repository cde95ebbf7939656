"""The evidence of a set's queries as the product gathers it, for programs that measure what is made of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from qmd_mcp.application.engine import DEFAULT_PROFILE, fusion_policy, index_identity, open_engine
from qmd_mcp.domain.availability import Absent
from qmd_mcp.evaluation.datasets import Dataset
from qmd_mcp.evaluation.evidence_source import EvidenceSource, open_source
from qmd_mcp.evaluation.runner import index_dataset, index_folder, index_of
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.retrieval.ranking.fusion_policy import FusionPolicy
from qmd_mcp.settings import Settings


def policy_of(settings: Settings) -> FusionPolicy:
    """How the product would combine and judge under these settings."""
    return fusion_policy(settings, user_catalogue().embedder(settings.embedder or DEFAULT_PROFILE))


@asynccontextmanager
async def evidence_of(dataset: Dataset, settings: Settings, *, policy: FusionPolicy) -> AsyncGenerator[EvidenceSource]:
    """The set's index, made where there is none, open for queries; the policy's best are compared token by token."""
    place = index_folder(dataset, identity=index_identity(settings))
    async with open_engine(settings, index_of(place), create=True) as engine:
        await index_dataset(engine, dataset, folder=place, progress=lambda _: None)
        assert not isinstance(engine.tokens, Absent), engine.tokens.reason
        async with open_source(
            index_of(place),
            tokens=engine.tokens,
            first_scores=lambda evidence, query: policy.fuse(evidence, query).scores,
        ) as source:
            yield source
