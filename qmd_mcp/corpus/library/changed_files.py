"""Files that have changed since the index was updated."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol

import anyio.to_thread

from qmd_mcp.corpus.chunking.reading_version import is_current
from qmd_mcp.corpus.library.document_library import CollectionSource
from qmd_mcp.corpus.scanning.disk_files import Secrets, read_file
from qmd_mcp.corpus.scanning.freshness import FreshnessCheck
from qmd_mcp.corpus.scanning.scan import scan
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection, Document
from qmd_mcp.errors import CollectionError

NAMED = 3
"""Changed files that are looked for: one is enough to know that the index is older than the files."""

CHECK_SECONDS = 0.5
"""How long files are compared with the index for one answer: a folder of 10,000 files is walked through in .2 s."""


KEPT_SECONDS = 1.0
"""How long it counts that nothing was found to be changed. Of 25,000 files the walk takes the whole of `CHECK_SECONDS`:
without this, every one of several questions without an answer takes that much longer, which is seven times as long as
the search itself (benchmarks/results/filters.md). A file that changes within that second is told a second later."""


class TextCheck(Protocol):
    """What tells whether a file is text."""

    def is_text(self, data: bytes, path: str, *, seconds: float) -> bool:
        """Whether an update would index a file; False if that cannot be told in so much time."""
        ...


class ChangedFiles:
    """Looks for what an update would change: new, changed or deleted files, and those that an earlier version read."""

    def __init__(
        self,
        *,
        collections: CollectionSource,
        documents: Callable[[str], Awaitable[Sequence[Document]]],
        check: TextCheck,
        max_file_bytes: int,
        secrets: Secrets = "redact",
    ) -> None:
        """`documents` gives the documents of a collection."""
        self._collections = collections
        self._documents = documents
        self._check = check
        self._max_file_bytes = max_file_bytes
        self._secrets: Secrets = secrets
        self._freshness = FreshnessCheck()
        self._unchanged: dict[tuple[str, ...], float] = {}
        """When it was last found that nothing had changed, for each choice of collections."""

    async def some(self, names: Sequence[str] = (), *, seconds: float = CHECK_SECONDS) -> tuple[str, ...]:
        """Some of the changed files of these collections, or of all: `notes/new.md (new)`.

        What cannot be looked at within that time counts as unchanged.
        """
        chosen = tuple(sorted(names))
        if time.monotonic() - self._unchanged.get(chosen, -KEPT_SECONDS) < KEPT_SECONDS:
            return ()
        until = time.monotonic() + seconds
        found: list[str] = []
        for collection in await self._collections.all():
            if names and collection.name not in names:
                continue
            documents = {each.path: each for each in await self._documents(collection.name)}
            found += await anyio.to_thread.run_sync(self._of, collection, documents, until, NAMED - len(found))
            if len(found) >= NAMED or time.monotonic() > until:
                break
        if not found:
            self._unchanged[chosen] = time.monotonic()
        return tuple(found)

    def _of(self, collection: Collection, documents: Mapping[str, Document], until: float, most: int) -> list[str]:
        return list(islice(self._changes(collection, dict(documents), until), most))

    def _changes(self, collection: Collection, left: dict[str, Document], until: float) -> Iterator[str]:
        """Changed files, until the time is over; `left` are the documents whose files were not met yet."""
        unreadable: list[str] = []
        try:
            for entry in scan(collection, max_file_bytes=self._max_file_bytes):
                if time.monotonic() > until:
                    return
                document = left.pop(entry.path, None)
                if isinstance(entry, Skip):
                    unreadable += [entry.path] if entry.reason == "unreadable" else []
                elif document is None:
                    if self._is_text(collection, entry.path, until):
                        yield f"{collection.name}/{entry.path} (new)"
                elif not is_current(document.reading, self._secrets):
                    yield f"{collection.name}/{entry.path} (read by an earlier version)"
                elif (document.size, document.mtime_ns) != (entry.size, entry.mtime_ns):
                    state = self._freshness.compared([document], {collection.name: collection})[document.docid]
                    if state == "changed":
                        yield f"{collection.name}/{entry.path} (changed)"
        except CollectionError:  # an unmounted disk: what was indexed is all there is
            return
        for path in left:
            if not any(path.startswith(folder) for folder in unreadable):
                yield f"{collection.name}/{path} (deleted)"

    def _is_text(self, collection: Collection, path: str, until: float) -> bool:
        """Whether an update would index the file; one that is empty or no text is never in the index."""
        content = read_file(collection.root, path, max_bytes=self._max_file_bytes)
        if isinstance(content, Skip):
            return False
        return self._check.is_text(content.data, path, seconds=until - time.monotonic())
