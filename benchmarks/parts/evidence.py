"""The evidence of a set's queries as the product gathers it, for programs that measure what fusion makes of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from qmd_mcp.application.engine import DEFAULT_PROFILE, fusion_policy, index_identity, open_engine
from qmd_mcp.evaluation.datasets import Dataset
from qmd_mcp.evaluation.evidence_source import EvidenceSource, open_source
from qmd_mcp.evaluation.runner import index_dataset, index_folder, index_of
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.retrieval.ranking.fusion_policy import FusionPolicy
from qmd_mcp.settings import Settings


def policy_of(settings: Settings) -> FusionPolicy:
    """The fusion policy that the product would use under these settings."""
    return fusion_policy(settings, user_catalogue().embedder(settings.embedder or DEFAULT_PROFILE))


@asynccontextmanager
async def evidence_of(dataset: Dataset, settings: Settings, *, policy: FusionPolicy) -> AsyncGenerator[EvidenceSource]:
    """Open a set's index, made if it is missing; the policy's first candidates are compared token by token."""
    place = index_folder(dataset, identity=index_identity(settings))
    async with open_engine(settings, index_of(place), create=True) as engine:
        await index_dataset(engine, dataset, folder=place, progress=lambda _: None)
        assert engine.tokens is not None, "the embedder must have token states"
        async with open_source(
            index_of(place),
            tokens=engine.tokens,
            first_scores=lambda evidence, query: policy.fuse(evidence, query).scores,
        ) as source:
            yield source
