"""The indexed documents: found by name, read from disk, and compared with what was indexed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import anyio.to_thread

from qmd_mcp.corpus.library.excerpt import MAX_CHARACTERS, excerpt_of
from qmd_mcp.corpus.library.naming import NamedDocuments, Naming
from qmd_mcp.corpus.library.section import section_of
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.corpus.scanning.admission import read_member
from qmd_mcp.corpus.scanning.disk_files import Secrets
from qmd_mcp.corpus.scanning.freshness import FreshnessCheck
from qmd_mcp.domain.answers import Excerpt, Excerpts, Skip
from qmd_mcp.domain.documents import Collection, Document, Freshness
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


class Library:
    """Reads documents for callers. A file is read only if the rules of its collection let it in now."""

    def __init__(
        self,
        *,
        collections: CollectionSource,
        documents: DocumentSource,
        decode: Callable[[bytes, str], SourceText | Skip],
        max_file_bytes: int,
        secrets: Secrets = "redact",
    ) -> None:
        self._collections = collections
        self._documents = documents
        self._decode = decode
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
        data = await anyio.to_thread.run_sync(
            lambda: read_member(collection, document.path, max_bytes=self._max_file_bytes, secrets=self._secrets)
        )
        if isinstance(data, Skip):
            similar = () if data.reason != "missing" else await self._naming.similar(document.key)
            reason = "is no longer on disk" if data.reason == "missing" else f"cannot be read now ({data.reason})"
            raise UnreadableDocumentError(document.key, reason=reason, similar=similar)
        source = await anyio.to_thread.run_sync(self._decode, data.data, document.path)
        if isinstance(source, Skip):
            raise UnreadableDocumentError(document.key, reason=f"is no longer text ({source.reason})")

        def cut() -> Excerpt:
            lines = section_of(source, section) if section is not None else None
            if section is not None and lines is None:
                headings = [heading.text for heading in source.headings()]
                raise SectionNotFoundError(document.key, section=section, headings=headings)
            return excerpt_of(
                source,
                document=document,
                data=data,
                context=collection.context_of(document.path),
                from_line=from_line or 1,
                max_lines=max_lines,
                line_numbers=line_numbers,
                section=lines,
                room=room,
            )

        return await anyio.to_thread.run_sync(cut)  # which takes as long as the document has lines
