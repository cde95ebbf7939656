"""Everything that writes an index: its collections, their contexts and their documents."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import anyio.to_thread

from qmd_mcp.application.renaming import begin_rename, finish_rename, skipped_key
from qmd_mcp.corpus.indexing.index_protocols import PassageEmbedder, TokenStates
from qmd_mcp.corpus.indexing.indexer import Indexer
from qmd_mcp.corpus.indexing.preparation import Preparation
from qmd_mcp.corpus.indexing.staged_documents import StagedDocuments
from qmd_mcp.corpus.indexing.update_summary import Progress, Step, UpdateSummary, total
from qmd_mcp.corpus.scanning.collection_checks import check_collection
from qmd_mcp.corpus.scanning.disk_files import on_disk
from qmd_mcp.domain.documents import Collection, Context
from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.domain.stored_names import check_name
from qmd_mcp.errors import CollectionError, UnknownCollectionError
from qmd_mcp.store.generation import check_serving, drop_others, freeze, serving, switch, thaw
from qmd_mcp.store.lance.database import VERSIONS_KEPT
from qmd_mcp.store.open_index import OpenIndex
from qmd_mcp.store.tables.term_ledger import TermLedger
from qmd_mcp.store.writer_lock import WriterLock

NONE_SKIPPED = "{}"
"""The value in the metadata which says that no file of a collection was left out."""


def unwatched(step: Step) -> None:
    """Ignore the progress of an update."""


class IndexWriter:
    """Writes one index; every method holds the lock that keeps other processes from writing the same index."""

    def __init__(
        self,
        index: OpenIndex,
        *,
        embedder: PassageEmbedder,
        preparation: Preparation,
        tokens: TokenStates | None = None,
    ) -> None:
        """Make a writer; without `tokens` no token states are stored."""
        self._index = index
        self._embedder = embedder
        self._preparation = preparation
        self._tokens = tokens
        self._lock = WriterLock(index.location.uri)

    # Collections

    async def add_collection(self, collection: Collection) -> None:
        """Register a folder; the next update indexes its documents.

        Raises:
            CollectionError: the name is taken, the name or a glob is not valid, the root is not a folder, or another
                collection has the same files.
        """
        collection = await anyio.to_thread.run_sync(check_collection, collection)
        async with self._writing():
            known = await self._collections()
            if collection.name in known:
                root = known[collection.name].root
                sentence = f"There is a collection {collection.name!r} already, of {root}. To index it: qmd-mcp update"
                raise CollectionError(sentence)
            same = await anyio.to_thread.run_sync(_same_files, collection, known.values())
            if same is not None:
                sentence = f"{collection.root} is indexed as collection {same!r} already. To index it: qmd-mcp update"
                raise CollectionError(sentence)
            await self._index.collections.put(collection)

    async def remove_collection(self, name: str) -> int:
        """Remove a collection with its documents, and return how many documents it had.

        Raises:
            UnknownCollectionError: there is no such collection.
        """
        async with self._writing():
            name = (await self._collection(name)).name
            async with self._indexing() as indexer:
                count = await indexer.forget(name)
            await self._index.collections.remove(name)  # last: a document without its collection could not be read
            if skipped_key(name) in await self._index.database.metadata():
                await self._index.database.put(**{skipped_key(name): NONE_SKIPPED})
            return count

    async def rename_collection(self, name: str, new_name: str) -> None:
        """Give a collection another name; its vectors are kept.

        Raises:
            UnknownCollectionError: there is no such collection.
            CollectionError: the new name is taken or not valid.
        """
        new_name = check_name(new_name)
        async with self._writing() as finished:
            if finished == (nfc(name), new_name):  # a process began with it that died
                return
            name = (await self._collection(name)).name
            if new_name in await self._collections():
                sentence = f"There is a collection {new_name!r} already."
                raise CollectionError(sentence)
            async with self._indexing():
                await begin_rename(self._index, name, new_name)

    async def set_context(self, name: str, prefix: str, text: str | None) -> None:
        """Describe a path of a collection; a text of None removes the description.

        Raises:
            UnknownCollectionError: there is no such collection.
            CollectionError: the collection has no such path, or no description of it that could be removed.
        """
        async with self._writing():
            collection = await self._collection(name)
            context = Context(prefix, text or "")
            prefix = context.prefix
            if text is not None and not text.strip():
                sentence = "A context needs a word. To remove one: qmd-mcp context rm COLLECTION[/PATH]"
                raise CollectionError(sentence)
            if prefix and text is not None and not await self._covers_something(collection, context):
                sentence = f"There is nothing at {prefix!r} in collection {name!r}, of {collection.root}."
                raise CollectionError(sentence)
            kept = tuple(context for context in collection.contexts if context.prefix != prefix)
            if text is None and len(kept) == len(collection.contexts):
                sentence = f"Collection {name!r} has no context for {prefix!r}."
                raise CollectionError(sentence)
            contexts = kept if text is None else (*kept, context)
            await self._index.collections.put(dataclasses.replace(collection, contexts=contexts))

    async def _covers_something(self, collection: Collection, context: Context) -> bool:
        """Whether the path of a context is on disk now, or some indexed document lies at or below it."""
        if await anyio.to_thread.run_sync(_exists, collection.root, context.prefix):
            return True
        return any(context.covers(each.path) for each in await self._index.documents.of_collection(collection.name))

    async def _collections(self) -> Mapping[str, Collection]:
        return {each.name: each for each in await self._index.collections.all()}

    async def _collection(self, name: str) -> Collection:
        known = await self._collections()
        name = nfc(name)
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
            WriterBusyError: another process was still writing after `wait_seconds`; None waits without end.
            UnknownCollectionError: there is no such collection.
        """
        async with self._writing(wait_seconds=wait_seconds):
            chosen = [await self._collection(name) for name in collections or await self._collections()]
            async with self._indexing() as indexer:
                summaries = await indexer.update(chosen, embed=embed, progress=progress)
                progress(Step("optimize", done=0, total=None))
            await self._note_update(summaries)
            return total(summaries.values())

    async def _note_update(self, summaries: Mapping[str, UpdateSummary]) -> None:
        """Note when files were last compared with the index, and how many of them were left out, by reason.

        If nothing is new, the time is written once an hour at most: every write leaves a file, until `optimize` drops
        the versions that are older than an hour.
        """
        metadata = await self._index.database.metadata()
        skipped = {skipped_key(name): json.dumps(each.skipped) for name, each in summaries.items()}
        new = {key: value for key, value in skipped.items() if metadata.get(key, NONE_SKIPPED) != value}
        changed = any(each.added or each.updated or each.removed for each in summaries.values())
        now, last = datetime.now(UTC), metadata.get("updated")
        if new or changed or last is None or now - datetime.fromisoformat(last) > VERSIONS_KEPT:
            await self._index.database.put(updated=now.isoformat(timespec="seconds"), **new)

    async def rebuild(self, *, wait_seconds: float | None = None, progress: Progress = unwatched) -> UpdateSummary:
        """Build this engine's generation beside the one that serves, and then let it serve.

        The old generation answers queries until the switch, which is one commit, and its tables stay until the next
        rebuild. A build that was interrupted goes on where it was.

        Raises:
            WriterBusyError: another process was still writing after `wait_seconds`; None waits without end.
            CollectionError: the folder of a collection cannot be read.
        """
        async with self._writing(wait_seconds=wait_seconds):
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
            await self._note_update(summaries)
            return total(summaries.values())

    async def embed(self, *, wait_seconds: float | None = None, progress: Progress = unwatched) -> int:
        """Compute the vectors and token states that are missing, and return how many there were.

        The time of update stays as it is, since no files are looked at.
        """
        async with self._writing(wait_seconds=wait_seconds), self._indexing() as indexer:
            return await indexer.embed(progress=progress)

    @asynccontextmanager
    async def _writing(self, *, wait_seconds: float | None = None) -> AsyncIterator[tuple[str, str] | None]:
        """Hold the writer's lock; the old and the new name if a rename had to be finished first."""
        async with self._lock.held(wait_seconds=wait_seconds):
            yield await finish_rename(self._index)

    @asynccontextmanager
    async def _indexing(self, staged: StagedDocuments | None = None) -> AsyncIterator[Indexer]:
        """An indexer for one run; if the run wrote anything, terms and indexes are brought up to date at its end.

        A rebuild gives `staged`, which holds its documents back until they are published.

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
            preparation=self._preparation,
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


def _same_files(collection: Collection, known: Iterable[Collection]) -> str | None:
    """The name of the collection that has the same files of the same folder, if there is one."""
    chosen = (set(collection.globs), set(collection.ignores))
    same = (each for each in known if (set(each.globs), set(each.ignores)) == chosen)
    return next((each.name for each in same if each.root.resolve() == collection.root.resolve()), None)


def _exists(root: Path, prefix: str) -> bool:
    """Whether a path below a root is on disk; False for a path that is not written as the paths of documents are."""
    path = PurePosixPath(prefix)
    normal = path.as_posix() == prefix and not path.is_absolute() and ".." not in path.parts
    return normal and on_disk(root, prefix).exists()
