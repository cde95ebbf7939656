"""Documents compared with their files as they stand now."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from qmd_mcp.corpus.scanning.disk_files import RACY_NS, on_disk
from qmd_mcp.domain.documents import Collection, Document, Freshness

KEPT = 10_000
"""Touched files that are known to be, or not to be, what was indexed: some 2 MB."""


class FreshnessCheck:
    """By size and time, and by content where only the time differs; synchronous, for one worker thread at a time."""

    def __init__(self) -> None:
        self._same: dict[tuple[str, int], bool] = {}
        """By docid and time of the file: whether its content is that of the document."""

    def of(self, documents: Sequence[Document], collections: Mapping[str, Collection]) -> dict[str, Freshness]:
        """By docid; a document whose collection has been removed is missing."""
        roots = {
            name: os.path.realpath(collections[name].root)
            for name in {each.collection for each in documents}
            if name in collections
        }
        return {
            each.docid: self._compared(each, Path(roots[each.collection])) if each.collection in roots else "missing"
            for each in documents
        }

    def _compared(self, document: Document, root: Path) -> Freshness:
        path = on_disk(root, document.path)
        real = os.path.realpath(path)
        if not real.startswith(f"{str(root).rstrip(os.sep)}{os.sep}"):
            return "missing"
        try:
            state = os.stat(real)  # noqa: PTH116  half the time of Path's, for every hit of every search
        except OSError:
            return "missing"
        if state.st_size != document.size:
            return "changed"
        if state.st_mtime_ns == document.mtime_ns:
            return "current"
        key = (document.docid, state.st_mtime_ns)
        if key not in self._same:
            try:
                same = hashlib.sha256(path.read_bytes()).hexdigest() == document.content_hash
            except OSError:
                return "missing"
            if time.time_ns() - state.st_mtime_ns <= RACY_NS:
                return "current" if same else "changed"
            if len(self._same) >= KEPT:
                self._same.clear()
            self._same[key] = same
        return "current" if self._same[key] else "changed"
