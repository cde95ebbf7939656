"""The three searches over one open index, assembled from its tables, its models and the settings."""

from __future__ import annotations

from dataclasses import dataclass

from qmd_mcp.application.model_roles import Models
from qmd_mcp.corpus.library.document_library import Library
from qmd_mcp.domain.availability import Absent
from qmd_mcp.domain.lookup import WHOLE_INDEX
from qmd_mcp.domain.text.term_analysis import TermAnalysis
from qmd_mcp.inference.embedding.token_scheduler import TokenScheduler
from qmd_mcp.inference.hub.local_model import Model
from qmd_mcp.inference.hub.manifest import EmbedderManifest
from qmd_mcp.retrieval.answering.answer_writer import AnswerWriter
from qmd_mcp.retrieval.answering.diagnosis import Diagnosis
from qmd_mcp.retrieval.answering.gaps import Gaps
from qmd_mcp.retrieval.answering.hits import Hits
from qmd_mcp.retrieval.answering.judge import Judge
from qmd_mcp.retrieval.answering.listing import Listing
from qmd_mcp.retrieval.candidates.candidate_retrieval import CandidateRetrieval
from qmd_mcp.retrieval.consistent_reads import ConsistentReads
from qmd_mcp.retrieval.grouping.spans import Grouping
from qmd_mcp.retrieval.query.exclusions import Exclusions
from qmd_mcp.retrieval.query.known_scripts import KnownScripts
from qmd_mcp.retrieval.query.rarity import Rarities
from qmd_mcp.retrieval.query_pipeline import QueryPipeline
from qmd_mcp.retrieval.ranking.fuser import Fuser
from qmd_mcp.retrieval.ranking.fusion_stage import FusionStage
from qmd_mcp.retrieval.ranking.late_interaction import LateInteraction
from qmd_mcp.retrieval.ranking.rerank_stage import RerankStage
from qmd_mcp.retrieval.ranking.trained_weights import FILE, Weights, read_weights
from qmd_mcp.retrieval.search_protocols import DocumentStates, Expander, IndexState, Reranker
from qmd_mcp.retrieval.search_service import SearchService
from qmd_mcp.retrieval.vocabulary.near_word_finder import NearWordFinder
from qmd_mcp.settings import Settings
from qmd_mcp.store.open_index import OpenIndex
from qmd_mcp.store.scoped_index import ScopedIndex
from qmd_mcp.store.stored_vocabulary import StoredVocabulary
from qmd_mcp.store.tables.selected_passages import SelectedPassages


@dataclass(frozen=True, slots=True)
class SearchAssembly:
    """Everything that the searches of one engine are made from, but for the models that may be exchanged."""

    settings: Settings
    index: OpenIndex
    embedder: Model[EmbedderManifest]
    models: Models
    library: Library
    documents: DocumentStates
    gaps: IndexState
    scoped: ScopedIndex | None = None
    """What takes the place of the index's tables for somebody who may see some of its collections."""

    def service(self, *, expander: Expander | Absent, reranker: Reranker | Absent) -> SearchService:
        """The searches with this expander and this reranker.

        Raises:
            ManifestError: the weights trained for the embedder cannot be read.
        """
        whole, scoped = self.index, self.scoped
        passages = whole.passages if scoped is None else scoped.passages
        selected = SelectedPassages(whole.passages) if scoped is None else scoped.passages
        terms, scope = (whole.terms, WHOLE_INDEX) if scoped is None else (scoped.terms, scoped.scope)
        vocabulary = StoredVocabulary(passages=whole.passages, terms=terms, scope=scope)
        analysis = TermAnalysis(vocabulary.terms_of)
        tokens = self._tokens()
        weights = trained_weights(self.embedder)
        fuser = fuser_of(self.settings, self.embedder, weights=weights)
        hits = Hits(self.library)
        diagnosis = Diagnosis(vocabulary, analysis=analysis)
        gaps = Gaps(self.gaps, fuser.scripts)
        near = NearWordFinder(vocabulary, analysis=analysis)
        late = LateInteraction(index=self.index.states, rarities=Rarities(vocabulary))
        exclusions = Exclusions(selected, self.library)
        return SearchService(
            index_name=self.index.location.uri,
            index=passages,
            embedder=self.models.embedder,
            library=self.library,
            hits=hits,
            pipeline=QueryPipeline(
                retrieval=CandidateRetrieval(
                    index=passages,
                    embedder=self.models.embedder,
                    tokens=tokens,
                    vocabulary=vocabulary,
                    expander=expander,
                ),
                fusion=FusionStage(fuser, tokens if isinstance(tokens, Absent) else late),
                judge=None if weights is None else Judge(weights),
                reranking=RerankStage(reranker),
                writer=AnswerWriter(Grouping(per_document=self.settings.per_document), hits, fuser),
                analysis=analysis,
                diagnosis=diagnosis,
                exclusions=exclusions,
                near=near,
                gaps=gaps,
            ),
            near=near,
            gaps=gaps,
            diagnosis=diagnosis,
            scripts=fuser.scripts,
            reads=ConsistentReads(self.documents),
            exclusions=exclusions,
            listing=Listing(selected, hits),
        )

    def _tokens(self) -> TokenScheduler | Absent:
        if not self.settings.late_interaction:
            return Absent("late_interaction is off")
        return self.models.tokens


def fuser_of(settings: Settings, embedder: Model[EmbedderManifest], *, weights: Weights | None) -> Fuser:
    """How `query` fuses its lists, by the settings and by the weights that were trained for the embedder."""
    return Fuser(
        method=settings.fusion,
        alpha=settings.alpha,
        rrf_k=settings.rrf_k,
        scripts=KnownScripts(embedder.manifest.model, embedder.manifest.scripts),
        weights=None if weights is None else weights.fusion,
    )


def trained_weights(embedder: Model[EmbedderManifest]) -> Weights | None:
    """The weights that were trained for an embedder, from the folder beside its own; None if there are none.

    Raises:
        ManifestError: they cannot be read or do not fit this version.
    """
    folder = embedder.folder.parent / "fusion"
    return read_weights(folder) if embedder.manifest.folder and (folder / FILE).is_file() else None
