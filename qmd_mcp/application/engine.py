"""The composition root: an index is opened with its models, and only here are the concrete classes known."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, closing

import anyio.to_thread

from qmd_mcp.application.index_gaps import IndexGaps
from qmd_mcp.application.index_writer import IndexWriter
from qmd_mcp.application.model_roles import Models, open_models
from qmd_mcp.application.narrowed_engine import NarrowedEngine
from qmd_mcp.application.search_assembly import SearchAssembly
from qmd_mcp.corpus.chunking.chunker import CHUNKING, READING
from qmd_mcp.corpus.chunking.reading_version import is_redacted
from qmd_mcp.corpus.indexing.index_protocols import TokenStates
from qmd_mcp.corpus.indexing.preparation import Preparation
from qmd_mcp.corpus.isolation.isolated_reading import IsolatedReading
from qmd_mcp.corpus.library.changed_files import ChangedFiles
from qmd_mcp.corpus.library.document_library import Library
from qmd_mcp.domain.availability import Absent
from qmd_mcp.domain.documents import Collection, Passage
from qmd_mcp.domain.figures import CacheFigures, Figures, QueueFigures
from qmd_mcp.domain.index_status import CollectionStatus, IndexStatus
from qmd_mcp.domain.searches import Searches
from qmd_mcp.index_uri import is_local
from qmd_mcp.inference.hub.local_model import Model, identity_of
from qmd_mcp.inference.hub.manifest import EmbedderManifest, fingerprint_of
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.retrieval.search_protocols import Expander, Reranker
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.generation import Generation, begin, check_serving, is_made, make, serving
from qmd_mcp.store.generation_watch import Following
from qmd_mcp.store.index_trust import check_or_begin, check_trust
from qmd_mcp.store.lance.database import Database, claim
from qmd_mcp.store.lance.schema import SCHEMA_VERSION
from qmd_mcp.store.migration import bring_up_to_date
from qmd_mcp.store.open_index import OpenIndex
from qmd_mcp.store.scoped_index import ScopedIndex
from qmd_mcp.store.writer_lock import WriterLock

DEFAULT_PROFILE = "mini"
"""The embedder of a new index if the user has not chosen one: its weights ship with the package."""

MOST_NARROWED = 32
"""How many narrowed engines are kept: one for each set of collections that the tokens of a server name."""


class Engine:
    """An open index with its models; shared by every caller of the process."""

    def __init__(
        self,
        index: OpenIndex,
        *,
        settings: Settings,
        embedder: Model[EmbedderManifest],
        models: Models,
        reading: IsolatedReading,
    ) -> None:
        self.location = index.location
        self._index = index
        self._model = embedder
        self._models = models
        self._files = reading
        self.embedder = models.embedder
        self.tokens = models.tokens
        self.reading = Library(
            collections=index.collections,
            documents=index.documents,
            reader=reading,
            max_file_bytes=settings.max_file_bytes,
            secrets=settings.secrets,
        )
        self.writing = IndexWriter(
            index,
            embedder=self.embedder,
            tokens=None if isinstance(models.tokens, Absent) else TokenStates(models.tokens, index.states),
            preparation=Preparation(cutter=reading, max_file_bytes=settings.max_file_bytes, secrets=settings.secrets),
        )
        self._following = Following(index.database, generation=index.generation, documents=index.documents)
        changed = ChangedFiles(
            collections=index.collections,
            documents=index.documents.of_collection,
            check=reading,
            max_file_bytes=settings.max_file_bytes,
            secrets=settings.secrets,
        )
        self.gaps = IndexGaps(index, changed)
        self._narrowed: dict[frozenset[str], NarrowedEngine] = {}
        self._assembly = SearchAssembly(
            settings=settings,
            index=index,
            embedder=embedder,
            models=models,
            library=self.reading,
            documents=self._following,
            gaps=self.gaps,
        )
        self._searches = self._assembly.service(expander=models.expander, reranker=models.reranker)

    @property
    def searching(self) -> Searches:
        """The three searches, with the models that the settings name."""
        return self._searches

    def searching_with(
        self, *, expander: Expander | Absent | None = None, reranker: Reranker | Absent | None = None
    ) -> Searches:
        """The three searches over the same index with another expander or reranker; None keeps the engine's own."""
        return self._assembly.service(
            expander=self._models.expander if expander is None else expander,
            reranker=self._models.reranker if reranker is None else reranker,
        )

    async def superseded(self) -> None:
        """Wait until another generation serves the index; this engine goes on answering from its own."""
        await self._following.superseded()

    def narrowed(self, collections: frozenset[str]) -> NarrowedEngine:
        """The same index as it is for somebody for whom only these collections exist.

        The terms of its texts are counted on first use, hence a few of the last ones are kept.
        """
        known = self._narrowed.pop(collections, None)
        if known is None:
            scoped = ScopedIndex.of(self._index, collections)
            known = NarrowedEngine.of(
                scoped, assembly=self._assembly, models=self._models, files=self._files, whole=self.status
            )
        self._narrowed[collections] = known
        while len(self._narrowed) > MOST_NARROWED:
            del self._narrowed[next(iter(self._narrowed))]
        return known

    def figures(self) -> Figures:
        """The counts of the models' queues and of the caches since the engine was opened."""
        reads = self._index.passages.reads
        caches = [CacheFigures("passages", hits=reads.hits, misses=reads.misses)]
        queues = [self.embedder.figures]
        if not isinstance(self._models.reranker, Absent):
            load = self._models.reranker.load
            queues.append(QueueFigures("reranker", waiting=load.waiting, forwards=load.forwards, items=load.items))
        if not isinstance(self._models.expander, Absent):
            known = self._models.expander.figures
            caches.append(CacheFigures("expansions", hits=known.hits + known.shared, misses=known.misses))
        return Figures(queues=tuple(queues), caches=tuple(caches))

    async def warm(self) -> None:
        """Load the embedder and read the index once, so that the first query need not wait for either."""
        vector = await self.embedder.embed_query("warm")
        await self._searches.warm(vector)

    async def collections(self) -> Mapping[str, Collection]:
        """Every collection, by name."""
        return await self.reading.collections()

    async def passages(self) -> tuple[Passage, ...]:
        """Every passage that is stored, also those whose document is not visible."""
        return await self._index.passages.all()

    async def status(self) -> IndexStatus:
        """The current state of the index and of the models."""
        metadata = await self._index.database.metadata()
        known = await self.collections()
        documents = await self._index.documents.all()
        counts, passages, redacted = Counter[str](), Counter[str](), Counter[str]()
        for document in documents:
            counts[document.collection] += 1
            passages[document.collection] += document.passages
            redacted[document.collection] += is_redacted(document.reading)
        each = [
            CollectionStatus(
                name=name,
                root=str(collection.root),
                globs=collection.globs,
                documents=counts[name],
                passages=passages[name],
                contexts=len(collection.contexts),
                skipped=json.loads(metadata.get(f"skipped {name}", "{}")),
                redacted=redacted[name],
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
            passages=passages.total(),
            embedded=await self._index.passages.embedded(),
            size_bytes=await anyio.to_thread.run_sync(self._index.database.size_bytes),
            updated=metadata.get("updated"),
            collections=tuple(each),
            models=self._models.statuses(),
            notes=await self._notes(),
        )

    async def _notes(self) -> tuple[str, ...]:
        """What the status says in sentences."""
        writer = await self.gaps.writer()
        notes = [] if writer is None else [f"The index is being written by {writer}, so these numbers still grow."]
        return (*notes, *(() if is_local(self.location.uri) else ("The writer's lock guards this machine only.",)))


@asynccontextmanager
async def open_engine(
    settings: Settings, location: IndexLocation, *, create: bool = False, rebuild: bool = False
) -> AsyncGenerator[Engine]:
    """Open an index with its models.

    Args:
        settings: name the models.
        location: where the index is.
        create: make an empty index if there is none.
        rebuild: open an index of another embedder too, for `IndexWriter.rebuild`.

    Raises:
        UnsafeIndexError: the index may be somebody else's work, and is not trusted.
        NotAnIndexError: the place holds no index of this version.
        EmbedderMismatchError: another embedder made the index.
        CollectionError: a collection of a project's index leads outside the project.
        ManifestError: a model that the settings name cannot be read.
    """
    await anyio.to_thread.run_sync(check_or_begin if create else check_trust, location)
    if create:
        await claim(location.uri)
        async with WriterLock(location.uri).held():
            database = await Database.create(location.uri)
            await begin(database, generation_of(user_catalogue().embedder(settings.embedder or DEFAULT_PROFILE)))
    else:
        database = await Database.open(location.uri)
    try:
        await bring_up_to_date(database)
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
            with closing(IsolatedReading(embedder.folder / "tokenizer.json")) as reading:
                yield Engine(index, settings=settings, embedder=embedder, models=models, reading=reading)
    finally:
        database.close()


def generation_of(embedder: Model[EmbedderManifest]) -> Generation:
    """The generation that an embedder and this version's chunking make; its fingerprint names the table of passages."""
    fingerprint = fingerprint_of(identity_of(embedder), CHUNKING)
    return Generation(fingerprint, embedder=embedder.name, dimension=embedder.manifest.dimension)


def index_identity(settings: Settings) -> str:
    """A name of everything that decides what an index holds, for programs that keep one index for each."""
    generation = generation_of(user_catalogue().embedder(settings.embedder or DEFAULT_PROFILE))
    return f"{generation.fingerprint} schema {SCHEMA_VERSION} reading {READING}"
