"""The evidence of a set's queries, as `query` gathers it before fusion, for training and for measuring calibration."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import numpy as np

from qmd_mcp.domain.lookup import FloatArray, Ranking, Scope
from qmd_mcp.evaluation.runner import COLLECTION
from qmd_mcp.index_errors import EmptyIndexError
from qmd_mcp.retrieval.candidates.candidate_retrieval import CANDIDATES
from qmd_mcp.retrieval.candidates.evidence import UNRANKED, Evidence, RankArray, gather
from qmd_mcp.retrieval.query.rarity import Rarities
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.ranking.late_interaction import LateInteraction, compared
from qmd_mcp.retrieval.search_protocols import Late, TokenEmbedder
from qmd_mcp.retrieval.vocabulary.query_terms import query_terms
from qmd_mcp.settings import IndexLocation
from qmd_mcp.store.generation import serving
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.stored_vocabulary import StoredVocabulary
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.term_table import TermTable
from qmd_mcp.store.tables.token_state_table import StateTable


@dataclass(frozen=True, slots=True)
class EvidenceSource:
    """Gathers the evidence of queries from one index, without ranking it into an answer."""

    passages: PassageTable
    vocabulary: StoredVocabulary
    tokens: TokenEmbedder
    late: Late
    first_scores: Callable[[Evidence, ParsedQuery], FloatArray]
    """The scores of fusion before late interaction; the candidates that they rank first are compared token by token."""
    indexed: int
    """Number of passages in the index."""

    async def of(self, parsed: ParsedQuery, *, supporting: Sequence[Ranking] = ()) -> Evidence:
        """The evidence of one query from its lexical and dense lists; `supporting` are the lists of its sub-queries."""
        scope = Scope(collections=(COLLECTION,))
        states = await self.tokens.query_states(parsed.text)
        evidence = gather(
            lexical=await self.passages.lexical(parsed.lexical, scope=scope, limit=CANDIDATES, vectors="with"),
            dense=await self.passages.dense(states.vector, scope=scope, limit=CANDIDATES),
            query=states.vector,
            supporting=supporting,
            terms=await query_terms(parsed.lexical, vocabulary=self.vocabulary),
            indexed=self.indexed,
        )
        if not len(evidence):
            return evidence
        scores = self.first_scores(evidence, parsed)
        return await compared(evidence, query=parsed.text, states=states, scores=scores, late=self.late)


@asynccontextmanager
async def open_source(
    location: IndexLocation, *, tokens: TokenEmbedder, first_scores: Callable[[Evidence, ParsedQuery], FloatArray]
) -> AsyncIterator[EvidenceSource]:
    """Open an existing index for gathering evidence.

    Raises:
        EmptyIndexError: nothing has been indexed yet.
    """
    database = await Database.open(location.uri)
    try:
        generation = await serving(database)
        if generation is None:
            raise EmptyIndexError(location.uri)
        passages = await PassageTable.open(database, fingerprint=generation.fingerprint, dimension=generation.dimension)
        vocabulary = StoredVocabulary(passages=passages, terms=await TermTable.open(database))
        states = await StateTable.open(database, fingerprint=generation.fingerprint, passages=passages)
        late = LateInteraction(index=states, rarities=Rarities(vocabulary))
        indexed = await passages.count()
        yield EvidenceSource(passages, vocabulary, tokens, late, first_scores=first_scores, indexed=indexed)
    finally:
        database.close()


def without(evidence: Evidence, paths: AbstractSet[str]) -> Evidence:
    """The evidence without these documents.

    The ranks close up as if the documents had never been indexed, but no further candidates join the ends of the lists.
    """
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
        unmet=evidence.unmet[kept],
    )


def _closed_up(ranks: RankArray) -> RankArray:
    """The ranks without the gaps that the removed candidates left."""
    found = ranks != UNRANKED
    closed = np.full(len(ranks), UNRANKED)
    closed[found] = np.argsort(np.argsort(ranks[found]))
    return closed
