"""Comparing documents with their files as they are now."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import anyio
import anyio.to_thread

from qmd_mcp.corpus.scanning.admission import read_member
from qmd_mcp.corpus.scanning.disk_files import RACY_NS, relative_on_disk
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection, Document, Freshness
from qmd_mcp.errors import CollectionError
from qmd_mcp.files.beneath import state_beneath

KEPT = 10_000
"""Comparisons by content that are remembered: some 2 MB."""

THREADS = 4
"""Worker threads that may compare at once. A comparison mostly waits for the file system. If a network drive hangs, the
limit keeps comparisons from occupying all 40 worker threads that the rest of the process shares."""


class FreshnessCheck:
    """Tells whether files are still what was indexed: by size and time, and by content where only the time differs."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self._kept = kept
        self._same: dict[tuple[str, int], bool] = {}
        """By docid and time of the file: whether the file's content is the one that was indexed. Several threads use
        the dictionary at once, so its entries are read once and never expected to be there still."""
        self._threads = anyio.CapacityLimiter(THREADS)

    async def of(self, documents: Sequence[Document], collections: Mapping[str, Collection]) -> dict[str, Freshness]:
        """Compare documents in a worker thread, by docid; a document whose collection is not given is missing."""
        return await anyio.to_thread.run_sync(self.compared, documents, collections, limiter=self._threads)

    def compared(self, documents: Sequence[Document], collections: Mapping[str, Collection]) -> dict[str, Freshness]:
        """Compare documents in this thread, by docid."""
        return {
            each.docid: self._compared(each, collections[each.collection])
            if each.collection in collections
            else "missing"
            for each in documents
        }

    def _compared(self, document: Document, collection: Collection) -> Freshness:
        try:
            state = state_beneath(collection.root, relative_on_disk(collection.root, document.path))
        except OSError:
            return "missing"
        if state.st_size != document.size:
            return "changed"
        if state.st_mtime_ns == document.mtime_ns:
            return "current"
        key = (document.docid, state.st_mtime_ns)
        same = self._same.get(key)
        if same is None:
            try:
                content = read_member(collection, document.path, max_bytes=document.size, secrets="keep")
            except CollectionError:
                return "missing"
            if isinstance(content, Skip):
                return "changed" if content.reason == "too large" else "missing"
            same = content.content_hash == document.content_hash
            if time.time_ns() - state.st_mtime_ns > RACY_NS:
                if len(self._same) >= self._kept:
                    self._same.clear()
                self._same[key] = same
        return "current" if same else "changed"
