"""Composition root: the only place that knows the concrete classes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import anyio.to_thread

from qmd_mcp.application.index_writer import IndexWriter
from qmd_mcp.application.model_roles import Models, open_models
from qmd_mcp.corpus.chunking.chunker import CHUNKING, Chunker
from qmd_mcp.corpus.indexing.index_protocols import TokenStates
from qmd_mcp.corpus.indexing.preparation import Preparation
from qmd_mcp.corpus.library.document_library import Library
from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.domain.documents import Collection, Passage
from qmd_mcp.domain.figures import CacheFigures, Figures, QueueFigures
from qmd_mcp.domain.index_status import CollectionStatus, IndexStatus
from qmd_mcp.inference.hub.local_model import Model, identity_of
from qmd_mcp.inference.hub.manifest import EmbedderManifest, fingerprint_of
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.inference.runtime.tokenizer import read_tokenizer
from qmd_mcp.retrieval.answering.diagnosis import Diagnosis
from qmd_mcp.retrieval.answering.hits import Hits
from qmd_mcp.retrieval.answering.spans import Grouping
from qmd_mcp.retrieval.candidates.candidate_retrieval import Gathering
from qmd_mcp.retrieval.consistent_searches import SteadySearches
from qmd_mcp.retrieval.query.rarity import Rarities
from qmd_mcp.retrieval.query_pipeline import QueryPipeline
from qmd_mcp.retrieval.ranking.fusion_policy import FusionPolicy
from qmd_mcp.retrieval.ranking.late_interaction import LateInteraction
from qmd_mcp.retrieval.ranking.trained_weights import FILE, Weights, read_weights
from qmd_mcp.retrieval.search_service import SearchService
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.generation import Generation, begin, check_serving, is_made, make, serving
from qmd_mcp.store.generation_watch import Following
from qmd_mcp.store.lance.database import Database, claim
from qmd_mcp.store.lance.schema import SCHEMA_VERSION
from qmd_mcp.store.open_index import OpenIndex
from qmd_mcp.store.stored_vocabulary import StoredVocabulary
from qmd_mcp.store.writer_lock import WriterLock

DEFAULT_PROFILE = "mini"
"""What an index gets whose maker has not chosen: it ships."""


class Engine:
    """An open index with its models; shared by every caller of the process."""

    def __init__(
        self, index: OpenIndex, *, settings: Settings, embedder: Model[EmbedderManifest], models: Models
    ) -> None:
        self.location = index.location
        self._index = index
        self._model = embedder
        self._models = models
        self.embedder = models.embedder
        self.tokens = models.tokens
        self.reading = Library(
            collections=index.collections,
            documents=index.documents,
            decode=read,
            max_file_bytes=settings.max_file_bytes,
        )
        self.writing = IndexWriter(
            index,
            embedder=self.embedder,
            tokens=TokenStates(models.tokens, index.states) if models.tokens else None,
            prepare=lambda: Preparation(
                chunker=Chunker(read_tokenizer(embedder.folder)),
                decode=read,
                max_file_bytes=settings.max_file_bytes,
            ),
        )
        vocabulary = StoredVocabulary(passages=index.passages, terms=index.terms)
        tokens = models.tokens if settings.late_interaction else None
        self._following = Following(index.database, generation=index.generation, documents=index.documents)
        searches = SearchService(
            index_name=index.location.uri,
            index=index.passages,
            embedder=self.embedder,
            library=self.reading,
            pipeline=QueryPipeline(
                gathering=Gathering(
                    index=index.passages,
                    embedder=self.embedder,
                    tokens=tokens,
                    vocabulary=vocabulary,
                    expander=models.expander,
                    no_expander=models.no_expander,
                ),
                late=LateInteraction(index=index.states, rarities=Rarities(vocabulary)) if tokens else None,
                no_late="the embedder has no token states" if settings.late_interaction else "late_interaction is off",
                reranker=models.reranker,
                no_reranker=models.no_reranker,
                policy=fusion_policy(settings, embedder),
                grouping=Grouping(per_document=settings.per_document),
                hits=Hits(self.reading),
                diagnosis=Diagnosis(vocabulary),
            ),
        )

        self.searching = SteadySearches(searches, documents=self._following)

    async def superseded(self) -> None:
        """Wait until another generation serves the index; this one still answers, as it was then."""
        await self._following.superseded()

    def figures(self) -> Figures:
        """What the models and the caches have done so far."""
        reads = self._index.passages.reads
        caches = [CacheFigures("passages", hits=reads.hits, misses=reads.misses)]
        queues = [self.embedder.figures]
        if self._models.reranker is not None:
            load = self._models.reranker.load
            queues.append(QueueFigures("reranker", waiting=load.waiting, forwards=load.forwards, items=load.items))
        if self._models.expander is not None:
            known = self._models.expander.figures
            caches.append(CacheFigures("expansions", hits=known.hits + known.shared, misses=known.misses))
        return Figures(queues=tuple(queues), caches=tuple(caches))

    async def warm(self) -> None:
        """Load the models and read the index once, so that the first query finds them ready."""
        vector = await self.embedder.embed_query("warm")
        await self.searching.warm(vector)

    async def collections(self) -> Mapping[str, Collection]:
        """By name."""
        return await self.reading.collections()

    async def passages(self) -> tuple[Passage, ...]:
        """Every passage that is stored, visible or not."""
        return await self._index.passages.all()

    async def status(self) -> IndexStatus:
        """The index and the models as they stand."""
        metadata = await self._index.database.metadata()
        known = await self.collections()
        documents = await self._index.documents.all()
        each = [
            CollectionStatus(
                name=name,
                root=str(collection.root),
                globs=collection.globs,
                documents=sum(document.collection == name for document in documents),
                passages=sum(document.passages for document in documents if document.collection == name),
                contexts=len(collection.contexts),
                skipped=json.loads(metadata.get(f"skipped {name}", "{}")),
            )
            for name, collection in known.items()
        ]
        return IndexStatus(
            index=self.location.uri,
            schema_version=SCHEMA_VERSION,
            generation=self._index.generation.fingerprint,
            embedder=self._model.manifest.model,
            dimension=self._index.generation.dimension,
            documents=len(documents),
            passages=sum(document.passages for document in documents),
            embedded=await self._index.passages.embedded(),
            size_bytes=await anyio.to_thread.run_sync(self._index.database.size_bytes),
            updated=metadata.get("updated"),
            collections=tuple(each),
            models=self._models.statuses(),
            notes=() if "://" not in self.location.uri else ("The writer's lock guards this machine only.",),
        )


@asynccontextmanager
async def open_engine(
    settings: Settings, location: IndexLocation, *, create: bool = False, rebuild: bool = False
) -> AsyncGenerator[Engine]:
    """Open an index with its models.

    `create` makes an empty one where there is none; `rebuild` opens one of another embedder for `IndexWriter.rebuild`.

    Raises:
        NotAnIndexError, EmbedderMismatchError, CollectionError, ManifestError: what the operator must change.
    """
    if create:
        await claim(location.uri)
        async with WriterLock(location.uri).held():
            database = await Database.create(location.uri)
            await begin(database, generation_of(user_catalogue().embedder(settings.embedder or DEFAULT_PROFILE)))
    else:
        database = await Database.open(location.uri)
    try:
        served = await serving(database)
        embedder = user_catalogue().embedder(
            settings.embedder or (served.embedder if served else DEFAULT_PROFILE),
            folders=settings.embedder is not None or location.project is None,
        )
        generation = generation_of(embedder)
        if not rebuild:
            await check_serving(database, generation)
        if not await is_made(database, generation):
            async with WriterLock(location.uri).held():
                await make(database, generation)
        index = await OpenIndex.open(database, location=location, generation=generation)
        async with open_models(settings, embedder) as models:
            yield Engine(index, settings=settings, embedder=embedder, models=models)
    finally:
        database.close()


def fusion_policy(settings: Settings, embedder: Model[EmbedderManifest]) -> FusionPolicy:
    """How `query` combines its lists, by the settings and by what was trained for the embedder."""
    return FusionPolicy(
        method=settings.fusion,
        alpha=settings.alpha,
        rrf_k=settings.rrf_k,
        embedder=embedder.manifest.model,
        scripts=embedder.manifest.scripts,
        weights=trained_weights(embedder),
    )


def trained_weights(embedder: Model[EmbedderManifest]) -> Weights | None:
    """What was trained for an embedder lies beside its folder; null where nothing was.

    Raises:
        ManifestError: it is not as it should be.
    """
    folder = embedder.folder.parent / "fusion"
    return read_weights(folder) if embedder.manifest.folder and (folder / FILE).is_file() else None


def generation_of(embedder: Model[EmbedderManifest]) -> Generation:
    """What an embedder and today's chunking would make; its fingerprint names the passages' table."""
    fingerprint = fingerprint_of(identity_of(embedder), CHUNKING)
    return Generation(fingerprint, embedder=embedder.name, dimension=embedder.manifest.dimension)


def index_identity(settings: Settings) -> str:
    """Everything that decides passages and vectors, for whoever keeps an index by it."""
    return generation_of(user_catalogue().embedder(settings.embedder or DEFAULT_PROFILE)).fingerprint
