"""Everything that writes the index: collections, their contexts, their documents."""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import anyio.to_thread

from qmd_mcp.corpus.indexing.index_protocols import PassageEmbedder, TokenStates
from qmd_mcp.corpus.indexing.indexer import Indexer
from qmd_mcp.corpus.indexing.preparation import Preparation
from qmd_mcp.corpus.indexing.staged_documents import StagedDocuments
from qmd_mcp.corpus.indexing.update_summary import Progress, Step, UpdateSummary, total
from qmd_mcp.corpus.scanning.collection_checks import check_globs, check_ignores, check_name
from qmd_mcp.corpus.scanning.disk_files import absolute_on_disk, on_disk
from qmd_mcp.domain.documents import Collection, Context
from qmd_mcp.errors import CollectionError, UnknownCollectionError
from qmd_mcp.store.generation import check_serving, drop_others, freeze, serving, switch, thaw
from qmd_mcp.store.lance.database import VERSIONS_KEPT
from qmd_mcp.store.open_index import OpenIndex
from qmd_mcp.store.tables.term_ledger import TermLedger
from qmd_mcp.store.writer_lock import WriterLock


def unwatched(step: Step) -> None:
    """Watch nothing."""


class IndexWriter:
    """Writes one index under the lock that keeps other processes from writing it."""

    def __init__(
        self,
        index: OpenIndex,
        *,
        embedder: PassageEmbedder,
        prepare: Callable[[], Preparation],
        tokens: TokenStates | None = None,
    ) -> None:
        """`prepare` is called in a worker thread when there is something to index."""
        self._index = index
        self._embedder = embedder
        self._prepare = prepare
        self._tokens = tokens
        self._lock = WriterLock(index.location.uri)

    # Collections

    async def add_collection(self, collection: Collection) -> None:
        """Register a folder; its documents come with the next update.

        Raises:
            CollectionError: the name is taken or unfit, a glob is, the root is no folder, or the same files of it are
                a collection already.
        """
        collection = dataclasses.replace(
            collection,
            name=check_name(collection.name),
            root=await anyio.to_thread.run_sync(absolute_on_disk, collection.root),
            globs=check_globs(collection.globs),
        )
        check_ignores(collection.ignores)
        if not collection.root.is_dir():
            sentence = f"{collection.root} is not a folder."
            raise CollectionError(sentence)
        async with self._lock.held():
            known = await self._collections()
            if collection.name in known:
                root = known[collection.name].root
                sentence = f"There is a collection {collection.name!r} already, of {root}. To index it: qmd-mcp update"
                raise CollectionError(sentence)
            twin = await anyio.to_thread.run_sync(_twin, collection, known.values())
            if twin is not None:
                sentence = f"{collection.root} is indexed as collection {twin!r} already. To index it: qmd-mcp update"
                raise CollectionError(sentence)
            await self._index.collections.put(collection)

    async def remove_collection(self, name: str) -> int:
        """Forget a collection and its documents; how many there were."""
        async with self._lock.held():
            name = (await self._collection(name)).name
            async with self._indexing() as indexer:
                count = await indexer.forget(name)
            await self._index.collections.remove(name)  # last: a document without its collection could not be read
            return count

    async def rename_collection(self, name: str, new_name: str) -> None:
        """Give a collection another name; vectors are kept.

        Raises:
            UnknownCollectionError, CollectionError: there is none, the name is taken, or its folder is not there.
        """
        new_name = check_name(new_name)
        async with self._lock.held():
            collection = await self._collection(name)
            name = collection.name
            if new_name in await self._collections():
                sentence = f"There is a collection {new_name!r} already."
                raise CollectionError(sentence)
            renamed = dataclasses.replace(collection, name=new_name)
            await self._index.collections.put(renamed)
            async with self._indexing() as indexer:
                summaries = await indexer.update([renamed], embed=False, progress=unwatched)
                if summaries[new_name].problems:  # an unmounted disk must not empty the index
                    await self._index.collections.remove(new_name)
                    raise CollectionError(summaries[new_name].problems[0])
                await indexer.forget(name)
            await self._index.collections.remove(name)

    async def set_context(self, name: str, prefix: str, text: str | None) -> None:
        """Describe a path of a collection; None takes the description back.

        Raises:
            UnknownCollectionError, CollectionError: there is no such collection, path or description.
        """
        async with self._lock.held():
            collection = await self._collection(name)
            context = Context(prefix, text or "")
            prefix = context.prefix
            if prefix and text is not None and not await self._has(collection, context):
                sentence = f"There is nothing at {prefix!r} in collection {name!r}, of {collection.root}."
                raise CollectionError(sentence)
            kept = tuple(context for context in collection.contexts if context.prefix != prefix)
            if text is None and len(kept) == len(collection.contexts):
                sentence = f"Collection {name!r} has no context for {prefix!r}."
                raise CollectionError(sentence)
            contexts = kept if text is None else (*kept, context)
            await self._index.collections.put(dataclasses.replace(collection, contexts=contexts))

    async def _has(self, collection: Collection, context: Context) -> bool:
        """Whether a context would be over anything, now on disk or when it was indexed."""
        if await anyio.to_thread.run_sync(_is_there, collection.root, context.prefix):
            return True
        return any(context.covers(each.path) for each in await self._index.documents.of_collection(collection.name))

    async def _collections(self) -> Mapping[str, Collection]:
        return {each.name: each for each in await self._index.collections.all()}

    async def _collection(self, name: str) -> Collection:
        known = await self._collections()
        name = unicodedata.normalize("NFC", name)
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
            known = await self._collections()
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
        metadata = await self._index.database.metadata()
        skipped = {f"skipped {name}": json.dumps(each.skipped) for name, each in summaries.items()}
        new = {key: value for key, value in skipped.items() if metadata.get(key, "{}") != value}
        changed = any(each.added or each.updated or each.removed for each in summaries.values())
        now, last = datetime.now(UTC), metadata.get("updated")
        if new or changed or last is None or now - datetime.fromisoformat(last) > VERSIONS_KEPT:
            await self._index.database.put(updated=now.isoformat(timespec="seconds"), **new)

    async def rebuild(self, *, wait_seconds: float | None = None, progress: Progress = unwatched) -> UpdateSummary:
        """Build this engine's generation beside the one that serves, then serve it; an interrupted build goes on.

        The old generation answers until the switch, which is one row; the next rebuild deletes it.
        """
        async with self._lock.held(wait_seconds=wait_seconds):
            known = await self._collections()
            served = await serving(self._index.database)
            await drop_others(self._index.database, keep=(self._index.generation, served))
            staged = StagedDocuments(self._index.documents, built=await self._index.passages.docids())
            async with self._indexing(staged) as indexer:
                summaries = await indexer.update(list(known.values()), embed=True, progress=progress)
                problems = total(summaries.values()).problems
                if problems:  # an unmounted disk must not empty the index
                    raise CollectionError(problems[0])
                if served is not None and served.fingerprint != self._index.generation.fingerprint:
                    await freeze(self._index.database, served, documents=self._index.documents)
                await staged.publish(tuple(known))
                await switch(self._index.database, self._index.generation)
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
            await check_serving(self._index.database, self._index.generation)
            await thaw(self._index.database, self._index.generation, documents=self._index.documents)
        ledger = TermLedger(database=self._index.database, passages=self._index.passages, terms=self._index.terms)
        before = await self._index.versions()
        yield Indexer(
            documents=staged or self._index.documents,
            passages=self._index.passages,
            terms=ledger,
            embedder=self._embedder,
            preparation=await anyio.to_thread.run_sync(self._prepare),
            tokens=self._tokens,
        )
        await ledger.settle()
        if await self._index.versions() != before:
            await self._index.passages.optimize()
            await self._index.documents.optimize()
            await self._index.terms.optimize()
            await self._index.states.sweep()
            await self._index.states.optimize()
            await self._index.database.optimize()


def _twin(collection: Collection, known: Iterable[Collection]) -> str | None:
    """The collection that has the same files, if there is one; other files of the same folder may be their own."""
    chosen = (set(collection.globs), set(collection.ignores))
    same = (each for each in known if (set(each.globs), set(each.ignores)) == chosen)
    return next((each.name for each in same if each.root.resolve() == collection.root.resolve()), None)


def _is_there(root: Path, prefix: str) -> bool:
    """Whether a relative path, written as documents' paths are, is on disk."""
    path = PurePosixPath(prefix)
    plain = path.as_posix() == prefix and not path.is_absolute() and ".." not in path.parts
    return plain and on_disk(root, prefix).exists()
