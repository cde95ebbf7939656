"""The indexed documents: found by name, read from disk, and compared with what was indexed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import anyio
import anyio.to_thread

from qmd_mcp.corpus.library.excerpt import MAX_CHARACTERS, BeyondEnd, Lines, LinesAnswer, LinesAsked, NoSection
from qmd_mcp.corpus.library.naming import NamedDocuments, Naming
from qmd_mcp.corpus.scanning.admission import read_member
from qmd_mcp.corpus.scanning.disk_files import Secrets
from qmd_mcp.corpus.scanning.freshness import FreshnessCheck
from qmd_mcp.corpus.scanning.redaction import hidden_by_markup
from qmd_mcp.domain.answers import Excerpt, Excerpts, Skip
from qmd_mcp.domain.documents import Collection, Document, Freshness, shown_docid, uri_of
from qmd_mcp.errors import (
    ArgumentError,
    CallerError,
    DocumentNotFoundError,
    SectionNotFoundError,
    UnreadableDocumentError,
)

MANY_CHARACTERS = 80_000
"""Most characters of one answer with several documents: about 20,000 tokens, below the 25,000 at which Claude Code cuts
the answer of a tool."""

READERS = 2
"""Documents that are read at the same time: while one of them takes long, others are still read, and callers who wait
for their turn hold no thread that other calls need."""

_NO_TEXT = frozenset(("binary", "empty", "not decodable"))
"""Reasons by which a file is no text, whoever reads it."""


class CollectionSource(Protocol):
    """Where collections are looked up."""

    async def all(self) -> tuple[Collection, ...]:
        """Every collection."""
        ...


class DocumentSource(NamedDocuments, Protocol):
    """Where documents are looked up."""

    async def by_docid(self, docids: Sequence[str]) -> Mapping[str, Document]:
        """The visible documents with these docids."""
        ...


class LineReader(Protocol):
    """What makes lines to read of the bytes of a file."""

    def lines(self, data: bytes, path: str, asked: LinesAsked) -> LinesAnswer | Skip:
        """Read lines of a file."""
        ...


class Library:
    """Reads documents for callers. A file is read only if the rules of its collection let it in now."""

    def __init__(
        self,
        *,
        collections: CollectionSource,
        documents: DocumentSource,
        reader: LineReader,
        max_file_bytes: int,
        secrets: Secrets = "redact",
    ) -> None:
        self._collections = collections
        self._documents = documents
        self._reader = reader
        self._turn = anyio.CapacityLimiter(READERS)
        self._max_file_bytes = max_file_bytes
        self._secrets: Secrets = secrets
        self._freshness = FreshnessCheck()
        self._naming = Naming(documents, collections=self.collections)

    async def collections(self) -> Mapping[str, Collection]:
        """Every collection by its name."""
        return {each.name: each for each in await self._collections.all()}

    async def documents(self, docids: Sequence[str]) -> Mapping[str, Document]:
        """The visible documents with these docids."""
        return await self._documents.by_docid(docids)

    async def freshness(self, documents: Sequence[Document]) -> Mapping[str, Freshness]:
        """Compare documents with their files, and return the result by docid."""
        return await self._freshness.of(documents, await self.collections())

    async def keys(self) -> tuple[str, ...]:
        """Return the `collection/path` of every document."""
        return tuple(each.key for each in await self._documents.names())

    async def get(self, reference: str, *, from_line: int | None, max_lines: int | None, line_numbers: bool) -> Excerpt:
        """Read lines of one document, as they are on disk now.

        Raises:
            DocumentNotFoundError, AmbiguousDocidError, AmbiguousNameError, UnreadableDocumentError: the reference names
                no document, names several, or names one whose file is gone or is no longer text.
            SectionNotFoundError: the document has no heading of that name.
            ArgumentError: the reference is empty, or a line number is out of range.
        """
        found, document = await self._naming.find(reference)
        return await self._read(
            document,
            from_line=from_line if from_line is not None else found.from_line,
            max_lines=max_lines if max_lines is not None else found.max_lines,
            section=found.section if from_line is None else None,
            line_numbers=line_numbers,
        )

    async def get_many(
        self, patterns: Sequence[str], *, max_lines: int | None, max_bytes: int, line_numbers: bool
    ) -> Excerpts:
        """Read the documents of references and globs; each one that is left out is named with the reason."""
        selected, skipped = await self._naming.select(patterns)
        read: list[Excerpt] = []
        room = MANY_CHARACTERS
        for named, document in selected:
            if document.size > max_bytes:
                skipped.append(
                    Skip(
                        document.key, f"{document.size:,} bytes, over max_bytes={max_bytes}: read it with get_document"
                    )
                )
            elif room <= 0:
                skipped.append(Skip(document.key, "this answer is full: ask for it in another call"))
            else:
                try:
                    excerpt = await self._read(
                        document,
                        from_line=named.from_line,
                        max_lines=max_lines if max_lines is not None else named.max_lines,
                        section=named.section,
                        line_numbers=line_numbers,
                        room=room,
                    )
                except CallerError as error:
                    skipped.append(Skip(document.key, str(error)))
                else:
                    read.append(excerpt)
                    room -= len(excerpt.text)
        return Excerpts(tuple(read), tuple(skipped))

    async def _read(
        self,
        document: Document,
        *,
        from_line: int | None,
        max_lines: int | None,
        section: str | None,
        line_numbers: bool,
        room: int = MAX_CHARACTERS,
    ) -> Excerpt:
        for name, value in (("from_line", from_line), ("max_lines", max_lines)):
            if value is not None and value < 1:
                sentence = f"{name} is {value}; lines count from 1."
                raise ArgumentError(sentence)
        collection = (await self.collections()).get(document.collection)
        if collection is None:  # the collection was removed after the document was found
            raise DocumentNotFoundError(document.key)
        asked = LinesAsked(from_line or 1, max_lines, line_numbers, section, room)
        found = await anyio.to_thread.run_sync(self._read_lines, collection, document.path, asked, limiter=self._turn)
        if isinstance(found, Skip):
            similar = () if found.reason != "missing" else await self._naming.similar(document.key)
            reason = "is no longer on disk" if found.reason == "missing" else f"cannot be read now ({found.reason})"
            raise UnreadableDocumentError(document.key, reason=reason, similar=similar)
        content_hash, read = found
        if isinstance(read, Skip):
            state = "is no longer text" if read.reason in _NO_TEXT else "cannot be read now"
            raise UnreadableDocumentError(document.key, reason=f"{state} ({read.reason})")
        if isinstance(read, NoSection):
            raise SectionNotFoundError(document.key, section=section or "", headings=read.headings, count=read.total)
        if isinstance(read, BeyondEnd):
            sentence = f"from_line is {from_line}, but {document.key} has {read.last} lines."
            raise ArgumentError(sentence)
        return Excerpt(
            docid=shown_docid(document.docid),
            collection=document.collection,
            path=document.path,
            uri=uri_of(document.collection, document.path),
            title=read.title,
            start_line=read.start_line,
            end_line=read.end_line,
            total_lines=read.total_lines,
            text=read.text,
            freshness="current" if content_hash == document.content_hash else "changed",
            context=collection.context_of(document.path),
            next_line=read.next_line,
            notes=read.notes,
        )

    def _read_lines(
        self, collection: Collection, path: str, asked: LinesAsked
    ) -> tuple[str, LinesAnswer | Skip] | Skip:
        """The hash of a file's content with lines of it, or why the file cannot be opened."""
        content = read_member(collection, path, max_bytes=self._max_file_bytes, secrets=self._secrets)
        if isinstance(content, Skip):
            return content
        read = self._reader.lines(content.data, path, asked)
        if self._secrets == "redact" and isinstance(read, Lines) and hidden_by_markup(path, (read.title, read.text)):
            return Skip(path, "secret in its markup")
        return content.content_hash, read
