"""Composition root: the only place that knows the concrete classes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio.to_thread

from qmd_mcp.corpus.chunking import CHUNKING, Chunker
from qmd_mcp.corpus.collections import check_globs, check_ignores, check_name
from qmd_mcp.corpus.indexing import Indexer
from qmd_mcp.corpus.library import Library
from qmd_mcp.corpus.preparation import Preparation
from qmd_mcp.corpus.readers import read
from qmd_mcp.corpus.staging import StagedDocuments
from qmd_mcp.corpus.update import Progress, Step, UpdateSummary, total
from qmd_mcp.documents import Collection, CollectionStatus, Context, IndexStatus, ModelStatus, Passage
from qmd_mcp.errors import CollectionError, UnknownCollectionError
from qmd_mcp.inference.embedder import Embedder
from qmd_mcp.inference.manifest import Profile, fingerprint_of, read_profile
from qmd_mcp.inference.scheduler import EmbeddingScheduler, ModelSlot
from qmd_mcp.inference.session import cores, open_session
from qmd_mcp.inference.tokenizer import read_tokenizer
from qmd_mcp.retrieval.service import FusionPolicy, SearchService
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.counting import TermLedger
from qmd_mcp.store.database import VERSIONS_KEPT, Database, claim
from qmd_mcp.store.generation import Generation, begin, check_serving, drop_others, serving, switch
from qmd_mcp.store.lock import WriterLock
from qmd_mcp.store.passages import PassageTable
from qmd_mcp.store.schema import SCHEMA_VERSION
from qmd_mcp.store.tables import CollectionTable, DocumentTable
from qmd_mcp.store.terms import TermTable
from qmd_mcp.store.vocabulary import IndexVocabulary

DEFAULT_PROFILE = "mini"
"""What an index gets whose maker has not chosen: it ships."""


def unwatched(step: Step) -> None:
    """Watch nothing."""


class Engine:
    """An open index with its models; shared by every caller of the process."""

    def __init__(
        self,
        *,
        settings: Settings,
        location: IndexLocation,
        profile: Profile,
        generation: Generation,
        database: Database,
        collections: CollectionTable,
        documents: DocumentTable,
        passages: PassageTable,
        terms: TermTable,
    ) -> None:
        self.location = location
        self._settings = settings
        self._profile = profile
        self._generation = generation
        self._database = database
        self._collections = collections
        self._documents = documents
        self._passages = passages
        self._terms = terms
        self._lock = WriterLock(location.uri)
        self._slot = ModelSlot(lambda: _load_embedder(profile))
        self.embedder = EmbeddingScheduler(self._slot, threads=settings.threads or cores())
        self.reading = Library(
            collections=collections, documents=documents, decode=read, max_file_bytes=settings.max_file_bytes
        )
        self.searching = SearchService(
            index_name=location.uri,
            index=passages,
            embedder=self.embedder,
            library=self.reading,
            vocabulary=IndexVocabulary(passages=passages, terms=terms),
            policy=FusionPolicy(
                method=settings.fusion,
                alpha=settings.alpha,
                rrf_k=settings.rrf_k,
                embedder=profile.embedder.model,
                scripts=profile.embedder.scripts,
            ),
        )

    async def warm(self) -> None:
        """Load the models and read the index once, so that the first query finds them ready."""
        vector = await self.embedder.embed_query("warm")
        await self.searching.warm(vector)

    # Collections

    async def collections(self) -> Mapping[str, Collection]:
        """By name."""
        return await self.reading.collections()

    async def add_collection(self, collection: Collection) -> None:
        """Register a folder; its documents come with the next update.

        Raises:
            CollectionError: the name is taken or unfit, a glob is, or the root is no folder.
        """
        collection = dataclasses.replace(
            collection, name=check_name(collection.name), globs=check_globs(collection.globs)
        )
        check_ignores(collection.ignores)
        if not collection.root.is_dir():
            sentence = f"{collection.root} is not a folder."
            raise CollectionError(sentence)
        async with self._lock.held():
            known = await self.collections()
            if collection.name in known:
                root = known[collection.name].root
                sentence = f"There is a collection {collection.name!r} already, of {root}. To index it: qmd-mcp update"
                raise CollectionError(sentence)
            await self._collections.put(collection)

    async def remove_collection(self, name: str) -> int:
        """Forget a collection and its documents; how many there were."""
        async with self._lock.held():
            await self._collection(name)
            async with self._indexing() as indexer:
                count = await indexer.forget(name)
            await self._collections.remove(name)  # last: a document without its collection could not be read
            return count

    async def rename_collection(self, name: str, new_name: str) -> None:
        """Give a collection another name; vectors are kept.

        Raises:
            UnknownCollectionError, CollectionError: there is none, the name is taken, or its folder is not there.
        """
        new_name = check_name(new_name)
        async with self._lock.held():
            collection = await self._collection(name)
            if new_name in await self.collections():
                sentence = f"There is a collection {new_name!r} already."
                raise CollectionError(sentence)
            renamed = dataclasses.replace(collection, name=new_name)
            await self._collections.put(renamed)
            async with self._indexing() as indexer:
                summaries = await indexer.update([renamed], embed=False, progress=unwatched)
                if summaries[new_name].problems:  # an unmounted disk must not empty the index
                    await self._collections.remove(new_name)
                    raise CollectionError(summaries[new_name].problems[0])
                await indexer.forget(name)
            await self._collections.remove(name)

    async def set_context(self, name: str, prefix: str, text: str | None) -> None:
        """Describe a path of a collection; None takes the description back."""
        async with self._lock.held():
            collection = await self._collection(name)
            kept = tuple(context for context in collection.contexts if context.prefix != prefix)
            if text is None and len(kept) == len(collection.contexts):
                sentence = f"Collection {name!r} has no context for {prefix!r}."
                raise CollectionError(sentence)
            contexts = kept if text is None else (*kept, Context(prefix, text))
            await self._collections.put(dataclasses.replace(collection, contexts=contexts))

    async def _collection(self, name: str) -> Collection:
        known = await self.collections()
        if name not in known:
            raise UnknownCollectionError(name, known=tuple(known))
        return known[name]

    # Indexing

    async def update(
        self,
        *,
        collections: Sequence[str] = (),
        embed: bool = True,
        wait_seconds: float | None = None,
        progress: Progress = unwatched,
    ) -> UpdateSummary:
        """Index what changed on disk, in all collections or some.

        Raises:
            WriterBusyError: another process still wrote after `wait_seconds`; null waits for ever.
            UnknownCollectionError: there is no such collection.
        """
        async with self._lock.held(wait_seconds=wait_seconds):
            known = await self.collections()
            chosen = [await self._collection(name) for name in collections] or list(known.values())
            async with self._indexing() as indexer:
                summaries = await indexer.update(chosen, embed=embed, progress=progress)
                progress(Step("optimize", done=0, total=None))
            await self._note_update(summaries)
            return total(summaries.values())

    async def _note_update(self, summaries: Mapping[str, UpdateSummary]) -> None:
        """Write when the index was brought up to date; not oftener than hourly if nothing else is new.

        Every write leaves a file until versions of more than an hour are dropped.
        """
        metadata = await self._database.metadata()
        skipped = {f"skipped {name}": json.dumps(each.skipped) for name, each in summaries.items()}
        new = {key: value for key, value in skipped.items() if metadata.get(key, "{}") != value}
        changed = any(each.added or each.updated or each.removed for each in summaries.values())
        now, last = datetime.now(UTC), metadata.get("updated")
        if new or changed or last is None or now - datetime.fromisoformat(last) > VERSIONS_KEPT:
            await self._database.put(updated=now.isoformat(timespec="seconds"), **new)

    async def rebuild(self, *, wait_seconds: float | None = None, progress: Progress = unwatched) -> UpdateSummary:
        """Build this engine's generation beside the one that serves, then serve it; an interrupted build goes on.

        The old generation answers until the switch, which is one row; the next rebuild deletes it.
        """
        async with self._lock.held(wait_seconds=wait_seconds):
            known = await self.collections()
            await drop_others(self._database, keep=(self._generation, await serving(self._database)))
            staged = StagedDocuments(self._documents, built=await self._passages.docids())
            async with self._indexing(staged) as indexer:
                summaries = await indexer.update(list(known.values()), embed=True, progress=progress)
                problems = total(summaries.values()).problems
                if problems:  # an unmounted disk must not empty the index
                    raise CollectionError(problems[0])
                await staged.publish(tuple(known))
                await switch(self._database, self._generation)
            return total(summaries.values())

    async def embed(self, *, wait_seconds: float | None = None, progress: Progress = unwatched) -> int:
        """Fill in the vectors that `update(embed=False)` left out; how many."""
        async with self._lock.held(wait_seconds=wait_seconds), self._indexing() as indexer:
            return await indexer.embed(progress=progress)

    @asynccontextmanager
    async def _indexing(self, staged: StagedDocuments | None = None) -> AsyncIterator[Indexer]:
        """An indexer; afterwards terms and indexes are brought up to date, if anything was written.

        Raises:
            EmbedderMismatchError: another process has rebuilt the index with another embedder.
        """
        if staged is None:
            await check_serving(self._database, self._generation)
        ledger = TermLedger(database=self._database, passages=self._passages, terms=self._terms)
        before = (await self._passages.version(), await self._documents.version())
        tokenizer = await anyio.to_thread.run_sync(read_tokenizer, self._profile.embedder_folder)
        yield Indexer(
            documents=staged or self._documents,
            passages=self._passages,
            terms=ledger,
            embedder=self.embedder,
            preparation=Preparation(
                chunker=Chunker(tokenizer), decode=read, max_file_bytes=self._settings.max_file_bytes
            ),
        )
        await ledger.settle()
        if (await self._passages.version(), await self._documents.version()) != before:
            await self._passages.optimize()
            await self._documents.optimize()
            await self._terms.optimize()
            await self._database.optimize()

    async def passages(self) -> tuple[Passage, ...]:
        """Every passage that is stored, visible or not."""
        return await self._passages.all()

    # Status

    async def status(self) -> IndexStatus:
        """The index and the models as they stand."""
        metadata = await self._database.metadata()
        known = await self.collections()
        documents = await self._documents.all()
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
            generation=self._generation.fingerprint,
            embedder=self._profile.embedder.model,
            dimension=self._generation.dimension,
            documents=len(documents),
            passages=sum(document.passages for document in documents),
            embedded=await self._passages.embedded(),
            size_bytes=await anyio.to_thread.run_sync(self._database.size_bytes),
            updated=metadata.get("updated"),
            collections=tuple(each),
            models=(
                ModelStatus(
                    role="embedder",
                    model=self._profile.embedder.model,
                    state=self._slot.state,
                    provider=self.embedder.provider,
                ),
            ),
            notes=() if "://" not in self.location.uri else ("The writer's lock guards this machine only.",),
        )


@asynccontextmanager
async def open_engine(
    settings: Settings, location: IndexLocation, *, create: bool = False, rebuild: bool = False
) -> AsyncGenerator[Engine]:
    """Open an index with its models.

    `create` makes an empty one where there is none; `rebuild` opens one of another embedder for `Engine.rebuild`.

    Raises:
        NotAnIndexError, EmbedderMismatchError, CollectionError, ManifestError: what the operator must change.
    """
    if create:
        await claim(location.uri)
        async with WriterLock(location.uri).held():
            database = await Database.create(location.uri)
            await begin(database, generation_of(read_profile(settings.embedder or DEFAULT_PROFILE)))
    else:
        database = await Database.open(location.uri)
    try:
        served = await serving(database)
        profile = read_profile(settings.embedder or (served.embedder if served else DEFAULT_PROFILE))
        generation = generation_of(profile)
        if not rebuild:
            await check_serving(database, generation)
        yield Engine(
            settings=settings,
            location=location,
            profile=profile,
            generation=generation,
            database=database,
            collections=await CollectionTable.open(database, project=location.project),
            documents=await DocumentTable.open(database),
            passages=await PassageTable.open(
                database, fingerprint=generation.fingerprint, dimension=generation.dimension
            ),
            terms=await TermTable.open(database),
        )
    finally:
        database.close()


def generation_of(profile: Profile) -> Generation:
    """What a profile's embedder and today's chunking would make; its fingerprint names the passages' table."""
    fingerprint = fingerprint_of(profile.embedder.identity, CHUNKING)
    return Generation(fingerprint, embedder=profile.name, dimension=profile.embedder.dimension)


def index_identity(settings: Settings) -> str:
    """Everything that decides passages and vectors, for whoever keeps an index by it."""
    return generation_of(read_profile(settings.embedder or DEFAULT_PROFILE)).fingerprint


def _load_embedder(profile: Profile) -> Embedder:
    folder: Path = profile.embedder_folder
    session = open_session(folder / profile.embedder.files["cpu"], threads=1)
    return Embedder(profile.embedder, folder=folder, session=session)
