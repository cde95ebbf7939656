"""Bringing the index up to date with the folders of its collections."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import accumulate

import anyio
import anyio.to_thread
import numpy as np

from qmd_mcp.corpus.chunking.reading_version import is_redacted
from qmd_mcp.corpus.indexing.index_protocols import (
    DocumentStore,
    PassageEmbedder,
    PassageStore,
    TermCounter,
    TokenStates,
)
from qmd_mcp.corpus.indexing.preparation import Preparation, Prepared
from qmd_mcp.corpus.indexing.update_summary import Progress, Step, UpdateSummary
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection, Document, Passage
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.errors import CollectionError
from qmd_mcp.tasks import task_group

EMBED_WINDOW = 1_024
"""Passages whose vectors `embed` fills in with one commit; as many as in a window of `preparation`."""


class Indexer:
    """Writes documents and passages; there is only one at a time, under the writer's lock.

    The passages of a document are written in one commit, and the row of the document after them. A run that is killed
    at any moment therefore leaves whole documents, or passages without a document's row. The latter are invisible to
    searches, and the next run deletes them.
    """

    def __init__(
        self,
        *,
        documents: DocumentStore,
        passages: PassageStore,
        terms: TermCounter,
        embedder: PassageEmbedder,
        preparation: Preparation,
        tokens: TokenStates | None = None,
    ) -> None:
        """Make an indexer; without `tokens`, passages get vectors but no token states."""
        self._documents = documents
        self._passages = passages
        self._terms = terms
        self._embedder = embedder
        self._preparation = preparation
        self._tokens = tokens
        self._stored: frozenset[str] = frozenset()
        """Docids of the documents that have passages. A document that should have some and has none counts as unknown,
        even if it has a row: a rebuild may have been killed."""

    async def update(
        self, collections: Sequence[Collection], *, embed: bool, progress: Progress
    ) -> dict[str, UpdateSummary]:
        """Index what changed on disk, and return a summary for each collection by its name."""
        await self.sweep()
        return {
            collection.name: await self._update_collection(collection, embed=embed, progress=progress)
            for collection in collections
        }

    async def sweep(self) -> None:
        """Delete what a killed run left behind: passages whose document is not visible."""
        stored = await self._passages.docids()
        orphans = stored - await self._documents.docids()
        if orphans:
            await self._terms.removing(tuple(orphans))
            await self._passages.remove(tuple(orphans))
        self._stored = stored - orphans

    async def forget(self, collection: str) -> int:
        """Remove every document of a collection, and return how many there were."""
        documents = await self._documents.of_collection(collection)
        await self._remove(documents)
        return len(documents)

    async def embed(self, *, progress: Progress) -> int:
        """Compute the vectors and token states that are missing, and return for how many passages."""
        total = await self._passages.count() - await self._passages.embedded()
        done = 0
        async for passages in self._passages.without_vector(batch=EMBED_WINDOW):
            vectors, _ = await self._vectors(passages, embed=True)
            await self._passages.set_vectors(passages, np.array(vectors))
            done += len(passages)
            progress(Step("embed", done=done, total=total, passages=done))
        if self._tokens is None:
            return done
        async for passages in self._tokens.store.without_states(batch=EMBED_WINDOW):
            await self._computed({passage.text_hash: passage for passage in passages})
            done += len(passages)
            progress(Step("embed", done=done, total=None, passages=done))
        return done

    async def _update_collection(self, collection: Collection, *, embed: bool, progress: Progress) -> UpdateSummary:
        started = time.monotonic()
        every = await self._documents.of_collection(collection.name)
        known = {each.path: each for each in every if each.docid in self._stored or not each.passages}
        progress(Step("scan", done=0, total=None))
        try:
            plan = await anyio.to_thread.run_sync(self._preparation.plan, collection, known)
        except CollectionError as error:  # an unmounted disk must not empty the index
            return UpdateSummary(unchanged=len(known), problems=(str(error),))
        skips = list(plan.skips)
        counts: Counter[str] = Counter(unchanged=plan.unchanged, redacted=plan.redacted)
        async with _ahead(self._preparation.windows(collection, plan, known)) as windows:
            async for window in windows:
                counts["embedded"] += await self._commit(window, known, embed=embed)
                counts["passages"] += len(window.passages)
                counts["files"] += window.files
                counts["unchanged"] += len(window.touched)
                counts["redacted"] += sum(is_redacted(each.reading) for each in (*window.documents, *window.touched))
                for document in window.documents:
                    counts["updated" if document.path in known else "added"] += 1
                skips += window.skips
                progress(Step("index", done=counts["files"], total=len(plan.files), passages=counts["passages"]))
        gone = _gone(every, present=plan.present, skips=skips)
        await self._remove(gone)
        return UpdateSummary(
            added=counts["added"],
            updated=counts["updated"],
            unchanged=counts["unchanged"],
            removed=len(gone),
            skipped=dict(Counter(skip.reason for skip in skips)),
            examples={skip.reason: skip.path for skip in reversed(skips)},
            redacted=counts["redacted"],
            hard_links=plan.hard_links,
            passages=counts["passages"],
            embedded=counts["embedded"],
            seconds=time.monotonic() - started,
        )

    async def _commit(self, window: Prepared, known: Mapping[str, Document], *, embed: bool) -> int:
        """Write one window, and return how many vectors were computed."""
        vectors, computed = await self._vectors(window.passages, embed=embed)
        if window.passages:
            await self._terms.added(window.passages)
            await self._passages.add(window.passages, vectors)
        if window.documents or window.touched:
            await self._documents.put((*window.documents, *window.touched))
        replaced = tuple(known[document.path].docid for document in window.documents if document.path in known)
        if replaced:
            await self._terms.removing(replaced)
            await self._passages.remove(replaced)
        return computed

    async def _remove(self, documents: Sequence[Document]) -> None:
        if not documents:
            return
        docids = tuple(document.docid for document in documents)
        await self._terms.removing(docids)
        await self._documents.remove([document.key for document in documents])
        await self._passages.remove(docids)

    async def _vectors(self, passages: Sequence[Passage], *, embed: bool) -> tuple[list[FloatArray | None], int]:
        """Return one vector for each passage, taking stored ones where there are any, and how many were computed."""
        hashes = [passage.text_hash for passage in passages]
        texts = dict(zip(hashes, passages, strict=True))
        known = await self._passages.vectors_by_hash(tuple(texts))
        if not embed:
            return [known.get(text_hash) for text_hash in hashes], 0
        complete = known.keys() & await self._tokens.store.known(tuple(known)) if self._tokens else known.keys()
        absent = {text_hash: passage for text_hash, passage in texts.items() if text_hash not in complete}
        if absent:
            known = {**known, **await self._computed(absent)}
        return [known[text_hash] for text_hash in hashes], len(absent)

    async def _computed(self, passages: Mapping[str, Passage]) -> dict[str, FloatArray]:
        """Compute vectors, by text hash; token states of the same forward pass are stored at once.

        A run that is killed here leaves states without a passage; they are deleted later, just as passages without a
        document are.
        """
        texts = [passage.embedded_text for passage in passages.values()]
        if self._tokens is None:
            return dict(zip(passages, await self._embedder.embed_passages(texts), strict=True))
        encoded = await self._tokens.encoder.encode_passages(texts)
        known = await self._tokens.store.known(tuple(passages))
        codes = dict(zip(passages, encoded.codes, strict=True))
        await self._tokens.store.add({each: code for each, code in codes.items() if each not in known})
        return dict(zip(passages, encoded.vectors, strict=True))


def _gone(documents: Sequence[Document], *, present: frozenset[str], skips: Sequence[Skip]) -> list[Document]:
    """The documents whose file is no longer there or no longer belongs to the index.

    A document is kept if its file, or a folder above it, cannot be read at the moment. (The path of a folder that was
    left out ends with a slash.)
    """
    reasons = {skip.path: skip.reason for skip in skips}

    def is_gone(path: str) -> bool:
        if path in reasons:
            return reasons[path] != "unreadable"
        if path in present:
            return False
        above = accumulate(path.split("/")[:-1], lambda folder, name: f"{folder}/{name}")
        return not any(reasons.get(f"{folder}/") == "unreadable" for folder in above)

    return [document for document in documents if is_gone(document.path)]


@asynccontextmanager
async def _ahead(windows: Iterator[Prepared]) -> AsyncGenerator[AsyncIterable[Prepared]]:
    """Prepare the next window in a worker thread while the caller works on the one before."""
    send, receive = anyio.create_memory_object_stream[Prepared](1)

    async def prepare() -> None:
        async with send:
            while (window := await anyio.to_thread.run_sync(next, windows, None)) is not None:
                await send.send(window)

    async with task_group() as preparing, receive:
        preparing.start_soon(prepare)
        yield receive
