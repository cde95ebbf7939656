"""Turning files on disk into documents and passages that are ready to be embedded."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

from qmd_mcp.corpus.chunking.reading_version import is_current, is_redacted, reading_of
from qmd_mcp.corpus.isolation.reading_work import CutFile, FileBytes
from qmd_mcp.corpus.scanning.disk_files import RACY_NS, FileContent, Secrets, read_file
from qmd_mcp.corpus.scanning.redaction import hidden_by_markup
from qmd_mcp.corpus.scanning.scan import ScannedFile, scan
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection, Document, Passage, docid_of

WINDOW = 1_024
"""Passages of one commit, and most files of one. A run that is killed loses at most one window: some ten seconds of
embedding on 2 cores. Within a window, passages are sorted by length with little waste, and the commits take a hundredth
of the time of the embedding (benchmarks/results/speed.md). Files that are unchanged or left out have no passages, so
they are counted too: without that, a window of files that were only touched would have no bound."""

BATCH_FILES = 64
BATCH_BYTES = 256 * 1024
"""Files that are cut together: so many that sending them takes a small part of the time, and so few that a window is
ready soon and several processes have something to do. A larger file is a batch of its own."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an update has to do for one collection."""

    files: tuple[ScannedFile, ...]
    """Files that have to be read."""
    unchanged: int
    """Number of files that have the size and time that the index knows."""
    present: frozenset[str]
    """Paths of all files that belong to the index, whether they have to be read or are unchanged."""
    skips: tuple[Skip, ...]
    redacted: int = 0
    """Number of unchanged files of which secrets were left out."""
    hard_links: int = 0
    """Number of files that have several names."""


@dataclass(slots=True)
class Prepared:
    """What goes into the index in one commit: a window."""

    documents: list[Document] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    touched: list[Document] = field(default_factory=list)
    """Documents whose file has another time but the same content; their date stays, since it is that of the content."""
    skips: list[Skip] = field(default_factory=list)
    files: int = 0
    """Files that were read for this window, whatever became of them."""


class FileCutter(Protocol):
    """What cuts the bytes of files into passages."""

    @property
    def lanes(self) -> int:
        """How many calls of `cut` are worked on at the same time."""
        ...

    def cut(self, files: Sequence[FileBytes]) -> Sequence[CutFile | Skip]:
        """Cut files into passages; returns the result of each, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file that has been read, or that cannot be read."""

    path: str
    before: Document | None
    read_at: int
    content: FileContent | Skip
    content_hash: str
    reading: str
    """The version of reading by which it is cut."""

    @property
    def is_touched(self) -> bool:
        """Whether the file has the content that is indexed, cut in the present way."""
        before = self.before
        return before is not None and before.content_hash == self.content_hash and before.reading == self.reading


class Preparation:
    """Opens files and has them cut into passages.

    It is synchronous and runs in a worker thread, while the window before is embedded. The files of a batch are cut
    together, and a few batches at the same time.
    """

    def __init__(self, *, cutter: FileCutter, max_file_bytes: int, secrets: Secrets = "redact") -> None:
        self._cutter = cutter
        self._max_file_bytes = max_file_bytes
        self._secrets: Secrets = secrets

    def plan(self, collection: Collection, known: Mapping[str, Document]) -> Plan:
        """Compare a folder with the documents that the index knows, by size and time.

        Raises:
            CollectionError: the folder cannot be read at all.
        """
        files: list[ScannedFile] = []
        skips: list[Skip] = []
        present: set[str] = set()
        unchanged = redacted = hard_links = 0
        for entry in scan(collection, max_file_bytes=self._max_file_bytes):
            if isinstance(entry, Skip):
                skips.append(entry)
                continue
            present.add(entry.path)
            hard_links += entry.names > 1
            document = known.get(entry.path)
            if document is not None and self._is_unchanged(entry, document):
                unchanged += 1
                redacted += is_redacted(document.reading)
            else:
                files.append(entry)
        return Plan(
            tuple(files),
            unchanged=unchanged,
            present=frozenset(present),
            skips=tuple(skips),
            redacted=redacted,
            hard_links=hard_links,
        )

    def windows(self, collection: Collection, plan: Plan, known: Mapping[str, Document]) -> Iterator[Prepared]:
        """Read and cut the planned files; all passages of a document are in the same window."""
        window = Prepared()
        for batch in self._cut_batches(collection, plan, known):
            for opened, cut in batch:
                window.files += 1
                self._put(window, collection, opened, cut)
                if len(window.passages) >= WINDOW or window.files >= WINDOW:
                    yield window
                    window = Prepared()
        if window.files:
            yield window

    def _cut_batches(
        self, collection: Collection, plan: Plan, known: Mapping[str, Document]
    ) -> Iterator[list[tuple[_Opened, CutFile | Skip | None]]]:
        """Yield the batches in their order, with the result of each file; None if it was not cut."""
        ahead = self._cutter.lanes + 1  # the next batch is opened while every lane works on one
        threads = ThreadPoolExecutor(self._cutter.lanes, thread_name_prefix="cutting")
        cutting: deque[Future[list[tuple[_Opened, CutFile | Skip | None]]]] = deque()
        try:
            for batch in self._batches(collection, plan, known):
                cutting.append(threads.submit(self._cut, batch))
                if len(cutting) > ahead:
                    yield cutting.popleft().result()
            while cutting:
                yield cutting.popleft().result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    def _batches(self, collection: Collection, plan: Plan, known: Mapping[str, Document]) -> Iterator[list[_Opened]]:
        batch: list[_Opened] = []
        size = 0
        for file in plan.files:
            opened = self._opened(collection, file.path, known.get(file.path))
            batch.append(opened)
            size += 0 if isinstance(opened.content, Skip) else opened.content.size
            if len(batch) >= BATCH_FILES or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _opened(self, collection: Collection, path: str, before: Document | None) -> _Opened:
        read_at = time.time_ns()
        content = read_file(collection.root, path, max_bytes=self._max_file_bytes, secrets=self._secrets)
        if isinstance(content, Skip):
            return _Opened(path, before, read_at, content, "", "")
        return _Opened(path, before, read_at, content, content.content_hash, reading_of(content.secrets, self._secrets))

    def _cut(self, batch: Sequence[_Opened]) -> list[tuple[_Opened, CutFile | Skip | None]]:
        files = {
            each.path: FileBytes(each.path, each.content.data)
            for each in batch
            if not isinstance(each.content, Skip) and not each.is_touched
        }
        cut = dict(zip(files, self._cutter.cut(tuple(files.values())), strict=True)) if files else {}
        return [(each, cut.get(each.path)) for each in batch]

    def _put(self, window: Prepared, collection: Collection, opened: _Opened, cut: CutFile | Skip | None) -> None:
        content, before = opened.content, opened.before
        if isinstance(cut, CutFile) and self._secrets == "redact":
            said = (cut.title, cut.properties.about, *(passage.text for passage in cut.passages))
            cut = Skip(opened.path, "secret in its markup") if hidden_by_markup(opened.path, said) else cut
        if isinstance(content, Skip):
            window.skips.append(content)
        elif isinstance(cut, Skip):
            window.skips.append(cut)
        elif cut is None:
            assert before is not None
            touched = replace(before, size=content.size, mtime_ns=content.mtime_ns, indexed_ns=opened.read_at)
            window.touched.append(touched)
        else:
            about = cut.properties
            document = Document(
                docid=docid_of(collection.name, opened.path, opened.content_hash, reading=opened.reading),
                collection=collection.name,
                path=opened.path,
                title=cut.title,
                content_hash=opened.content_hash,
                size=content.size,
                mtime_ns=content.mtime_ns,
                indexed_ns=opened.read_at,
                passages=len(cut.passages),
                properties=about if about.date_ns is not None else replace(about, date_ns=content.mtime_ns),
                reading=opened.reading,
            )
            window.passages.extend(cut.passages_of(document))
            window.documents.append(document)

    def _is_unchanged(self, file: ScannedFile, document: Document) -> bool:
        """Whether a file has the size and time that were indexed, and that time proves that it was not written since.

        A document that was indexed with another version of reading and cutting has to be read again all the same.
        """
        return (
            is_current(document.reading, self._secrets)
            and document.size == file.size
            and document.mtime_ns == file.mtime_ns
            and document.mtime_ns < document.indexed_ns - RACY_NS
        )
