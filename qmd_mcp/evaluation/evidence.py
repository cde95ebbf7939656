"""The evidence of a set's queries, as `query` gathers it before any fusion: for training and for reliability."""

from __future__ import annotations

from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import numpy as np

from qmd_mcp.errors import EmptyIndexError
from qmd_mcp.evaluation.runner import COLLECTION
from qmd_mcp.lookup import Scope
from qmd_mcp.retrieval.evidence import UNRANKED, Evidence, RankArray, gather
from qmd_mcp.retrieval.fusion import convex
from qmd_mcp.retrieval.gathering import CANDIDATES
from qmd_mcp.retrieval.late_interaction import CANDIDATES as COMPARED
from qmd_mcp.retrieval.late_interaction import LateInteraction, TokenEmbedder
from qmd_mcp.retrieval.port import Late, QueryEmbedder
from qmd_mcp.retrieval.query_terms import query_terms
from qmd_mcp.retrieval.rarity import Rarities
from qmd_mcp.retrieval.syntax import ParsedQuery
from qmd_mcp.settings import IndexLocation
from qmd_mcp.store.database import Database
from qmd_mcp.store.generation import serving
from qmd_mcp.store.passages import PassageTable
from qmd_mcp.store.states import StateTable
from qmd_mcp.store.terms import TermTable
from qmd_mcp.store.vocabulary import IndexVocabulary

HALF = 0.5
"""Share of the cosine in the sum whose best are compared token by token: the trained fusion is not there yet."""


@dataclass(frozen=True, slots=True)
class EvidenceSource:
    """Looks queries up in one index, without answering them."""

    passages: PassageTable
    vocabulary: IndexVocabulary
    embedder: QueryEmbedder
    late: Late | None
    """Compares the best of the convex sum; null to leave it out."""
    indexed: int

    async def of(self, parsed: ParsedQuery) -> Evidence:
        """Both lists of one query, joined."""
        scope = Scope(collections=(COLLECTION,))
        vector = await self.embedder.embed_query(parsed.text)
        evidence = gather(
            lexical=await self.passages.lexical(parsed.lexical, scope=scope, limit=CANDIDATES, vectors="with"),
            dense=await self.passages.dense(vector, scope=scope, limit=CANDIDATES),
            query=vector,
            terms=await query_terms(parsed.lexical, vocabulary=self.vocabulary),
            indexed=self.indexed,
        )
        if self.late is None or not len(evidence):
            return evidence
        best = np.argsort(-convex(evidence, alpha=HALF), kind="stable")[:COMPARED]
        maxsim = evidence.maxsim.copy()
        maxsim[best] = await self.late.scores(parsed.text, [evidence.passages[row] for row in best])
        return replace(evidence, maxsim=maxsim)


@asynccontextmanager
async def open_source(
    location: IndexLocation, *, embedder: QueryEmbedder, tokens: TokenEmbedder | None
) -> AsyncIterator[EvidenceSource]:
    """Read an index that exists.

    Raises:
        EmptyIndexError: nothing was ever indexed.
    """
    database = await Database.open(location.uri)
    try:
        generation = await serving(database)
        if generation is None:
            raise EmptyIndexError(location.uri)
        passages = await PassageTable.open(database, fingerprint=generation.fingerprint, dimension=generation.dimension)
        vocabulary = IndexVocabulary(passages=passages, terms=await TermTable.open(database))
        late: Late | None = None
        if tokens is not None:
            states = await StateTable.open(database, fingerprint=generation.fingerprint, passages=passages)
            late = LateInteraction(embedder=tokens, index=states, rarities=Rarities(vocabulary))
        yield EvidenceSource(passages, vocabulary, embedder, late, indexed=await passages.count())
    finally:
        database.close()


def without(evidence: Evidence, paths: AbstractSet[str]) -> Evidence:
    """The evidence as it would be had these documents never been indexed, but for the ends of the lists."""
    kept = np.array([passage.path not in paths for passage in evidence.passages], dtype=bool)
    return replace(
        evidence,
        passages=tuple(passage for passage, keep in zip(evidence.passages, kept, strict=True) if keep),
        bm25=evidence.bm25[kept],
        cosine=evidence.cosine[kept],
        lexical_rank=_closed_up(evidence.lexical_rank[kept]),
        dense_rank=_closed_up(evidence.dense_rank[kept]),
        support=evidence.support[kept],
        vectors=evidence.vectors[kept],
        maxsim=evidence.maxsim[kept],
    )


def _closed_up(ranks: RankArray) -> RankArray:
    found = ranks != UNRANKED
    closed = np.full(len(ranks), UNRANKED)
    closed[found] = np.argsort(np.argsort(ranks[found]))
    return closed
