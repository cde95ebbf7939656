"""Turning files on disk into documents and passages that are ready to be embedded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from qmd_mcp.corpus.chunking.chunker import Chunker
from qmd_mcp.corpus.chunking.reading_version import is_current, is_redacted, reading_of
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.corpus.scanning.disk_files import RACY_NS, Secrets, read_file
from qmd_mcp.corpus.scanning.scan import ScannedFile, scan
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection, Document, Passage, docid_of

WINDOW = 1_024
"""Passages of one commit, and most files of one. A run that is killed loses at most one window: some ten seconds of
embedding on 2 cores. Within a window, passages are sorted by length with little waste, and the commits take a hundredth
of the time of the embedding (benchmarks/results/speed.md). Files that are unchanged or left out have no passages, so
they are counted too: without that, a window of files that were only touched would have no bound."""


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


class Preparation:
    """Reads files and cuts them into passages.

    It is synchronous and runs in a worker thread, while the window before is embedded.
    """

    def __init__(
        self,
        *,
        chunker: Chunker,
        decode: Callable[[bytes, str], SourceText | Skip],
        max_file_bytes: int,
        secrets: Secrets = "redact",
    ) -> None:
        self._chunker = chunker
        self._decode = decode
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
        for file in plan.files:
            self._prepare(file, collection, known.get(file.path), window)
            if len(window.passages) >= WINDOW or window.files >= WINDOW:
                yield window
                window = Prepared()
        if window.files:
            yield window

    def _prepare(self, file: ScannedFile, collection: Collection, before: Document | None, window: Prepared) -> None:
        window.files += 1
        read_at = time.time_ns()
        content = read_file(collection.root, file.path, max_bytes=self._max_file_bytes, secrets=self._secrets)
        if isinstance(content, Skip):
            window.skips.append(content)
            return
        content_hash = content.content_hash
        reading = reading_of(content.secrets, self._secrets)
        if before is not None and before.content_hash == content_hash and before.reading == reading:
            window.touched.append(replace(before, size=content.size, mtime_ns=content.mtime_ns, indexed_ns=read_at))
            return
        source = self._decode(content.data, file.path)
        if isinstance(source, Skip):
            window.skips.append(source)
            return
        date_ns = source.properties.date_ns
        properties = replace(source.properties, date_ns=content.mtime_ns if date_ns is None else date_ns)
        source = replace(source, properties=properties)
        docid = docid_of(collection.name, file.path, content_hash, reading=reading)
        passages = self._chunker.passages(source, docid=docid, collection=collection.name, path=file.path)
        window.passages.extend(passages)
        window.documents.append(
            Document(
                docid=docid,
                collection=collection.name,
                path=file.path,
                title=source.title,
                content_hash=content_hash,
                size=content.size,
                mtime_ns=content.mtime_ns,
                indexed_ns=read_at,
                passages=len(passages),
                properties=properties,
                reading=reading,
            )
        )

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
