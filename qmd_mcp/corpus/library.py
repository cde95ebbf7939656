"""The indexed files: found by name, read from disk, compared with what the index knows."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import anyio.to_thread
from rapidfuzz import fuzz, process

from qmd_mcp.corpus.excerpt import MAX_CHARACTERS, excerpt_of
from qmd_mcp.corpus.files import read_file
from qmd_mcp.corpus.freshness import FreshnessCheck
from qmd_mcp.corpus.globs import compile_globs, expand_globs
from qmd_mcp.corpus.readers import SourceText
from qmd_mcp.corpus.reference import Reference, readings
from qmd_mcp.documents import Collection, Document, Excerpt, Excerpts, Freshness, Skip
from qmd_mcp.errors import (
    AmbiguousDocidError,
    ArgumentError,
    CallerError,
    CollectionError,
    DocumentNotFoundError,
    UnreadableDocumentError,
)

MANY_DOCUMENTS = 50
"""Documents of one answer; a glob beyond it is cut, and says so."""

MANY_CHARACTERS = 80_000
"""About 20,000 tokens, below the 25,000 at which Claude Code cuts a tool's answer."""

KNOWN_DOCUMENTS = 50_000
"""Up to so many documents all rows are kept in memory (25 MB): asking the table for those of one answer takes as long
as the search itself. Beyond it the rows of each answer are asked for."""

LIKENESS = 50.0
"""Per cent of two names that must agree for one to be offered for the other."""

NEAREST = 3
"""Names offered for one that is not there."""


class CollectionSource(Protocol):
    """Where collections are kept."""

    async def all(self) -> tuple[Collection, ...]:
        """Every collection."""
        ...

    async def version(self) -> int:
        """Counts every write."""
        ...


class DocumentSource(Protocol):
    """Where documents are kept."""

    async def count(self) -> int:
        """How many there are."""
        ...

    async def all(self) -> tuple[Document, ...]:
        """Every document."""
        ...

    async def by_docid(self, docids: Sequence[str]) -> dict[str, Document]:
        """The visible ones of exact docids."""
        ...

    async def by_prefix(self, prefix: str) -> tuple[Document, ...]:
        """Those whose docid begins so."""
        ...

    async def by_key(self, key: str) -> Document | None:
        """The one at `collection/path`."""
        ...

    async def keys(self) -> tuple[str, ...]:
        """Every `collection/path`."""
        ...

    async def version(self) -> int:
        """Counts every write."""
        ...


class Library:
    """Reads for callers; every file is opened only after it was found inside its collection's root."""

    def __init__(
        self,
        *,
        collections: CollectionSource,
        documents: DocumentSource,
        decode: Callable[[bytes, str], SourceText | Skip],
        max_file_bytes: int,
    ) -> None:
        self._collections = collections
        self._documents = documents
        self._decode = decode
        self._max_file_bytes = max_file_bytes
        self._check = FreshnessCheck()
        self._known_collections: tuple[int, Mapping[str, Collection]] = (-1, {})
        self._known_documents: tuple[int, dict[str, Document], bool] = (-1, {}, False)
        """Version of the table, documents by docid, and whether these are all."""

    async def collections(self) -> Mapping[str, Collection]:
        """By name; read again only when the table has a new version."""
        version = await self._collections.version()
        if version != self._known_collections[0]:
            self._known_collections = (version, {each.name: each for each in await self._collections.all()})
        return self._known_collections[1]

    async def documents(self, docids: Sequence[str]) -> Mapping[str, Document]:
        """The visible ones; kept while the table has the same version."""
        version = await self._documents.version()
        if version != self._known_documents[0]:
            small = await self._documents.count() <= KNOWN_DOCUMENTS
            every = {each.docid: each for each in await self._documents.all()} if small else {}
            self._known_documents = (version, every, small)
        _, known, complete = self._known_documents
        absent = [] if complete else [docid for docid in docids if docid not in known]
        if absent:
            known.update(await self._documents.by_docid(absent))
        return {docid: known[docid] for docid in docids if docid in known}

    async def freshness(self, documents: Sequence[Document]) -> Mapping[str, Freshness]:
        """Compare documents with their files, in one worker thread."""
        collections = await self.collections()

        return await anyio.to_thread.run_sync(self._check.of, documents, collections)

    async def keys(self) -> tuple[str, ...]:
        """Every document's `collection/path`."""
        return await self._documents.keys()

    async def get(self, reference: str, *, from_line: int | None, max_lines: int | None, line_numbers: bool) -> Excerpt:
        """Lines of one document, as they are on disk now.

        Raises:
            DocumentNotFoundError, AmbiguousDocidError, UnreadableDocumentError: it names none, several, or one that
                is gone or no longer text.
            ArgumentError: a line number does not fit.
        """
        found, document = await self._find(reference)
        return await self._read(
            document,
            from_line=from_line if from_line is not None else found.from_line,
            max_lines=max_lines if max_lines is not None else found.max_lines,
            line_numbers=line_numbers,
        )

    async def get_many(
        self, patterns: Sequence[str], *, max_lines: int | None, max_bytes: int, line_numbers: bool
    ) -> Excerpts:
        """The documents of references and globs; what does not fit is named, never dropped silently."""
        documents, skipped = await self._select(patterns)
        read: list[Excerpt] = []
        room = MANY_CHARACTERS
        for document in documents:
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
                        document, from_line=None, max_lines=max_lines, line_numbers=line_numbers, room=room
                    )
                except CallerError as error:
                    skipped.append(Skip(document.key, str(error)))
                else:
                    read.append(excerpt)
                    room -= len(excerpt.text)
        return Excerpts(tuple(read), tuple(skipped))

    async def _select(self, patterns: Sequence[str]) -> tuple[list[Document], list[Skip]]:
        keys = await self._documents.keys()
        chosen: dict[str, None] = {}
        skipped: list[Skip] = []
        for pattern in patterns:
            matched = _matching(pattern, keys)
            chosen.update(dict.fromkeys(matched))
            if not matched:
                try:
                    _, document = await self._find(pattern)
                except CallerError as error:
                    skipped.append(Skip(pattern, str(error)))
                else:
                    chosen[document.key] = None
        if len(chosen) > MANY_DOCUMENTS:
            left = len(chosen) - MANY_DOCUMENTS
            skipped.append(Skip(f"{left} more documents", f"an answer has {MANY_DOCUMENTS} at most: narrow the glob"))
        found = [await self._documents.by_key(key) for key in list(chosen)[:MANY_DOCUMENTS]]
        return [document for document in found if document is not None], skipped

    async def _read(
        self,
        document: Document,
        *,
        from_line: int | None,
        max_lines: int | None,
        line_numbers: bool,
        room: int = MAX_CHARACTERS,
    ) -> Excerpt:
        for name, value in (("from_line", from_line), ("max_lines", max_lines)):
            if value is not None and value < 1:
                sentence = f"{name} is {value}; lines count from 1."
                raise ArgumentError(sentence)
        collection = (await self.collections()).get(document.collection)
        if collection is None:  # removed a moment ago
            raise DocumentNotFoundError(document.key)
        data = await anyio.to_thread.run_sync(
            lambda: read_file(collection.root, document.path, max_bytes=self._max_file_bytes)
        )
        if isinstance(data, Skip):
            similar = () if data.reason != "missing" else await self._similar(document.key)
            reason = "is no longer on disk" if data.reason == "missing" else f"cannot be read now ({data.reason})"
            raise UnreadableDocumentError(document.key, reason=reason, similar=similar)
        source = await anyio.to_thread.run_sync(self._decode, data.data, document.path)
        if isinstance(source, Skip):
            raise UnreadableDocumentError(document.key, reason=f"is no longer text ({source.reason})")
        return excerpt_of(
            source,
            document=document,
            data=data,
            context=collection.context_of(document.path),
            from_line=from_line or 1,
            max_lines=max_lines,
            line_numbers=line_numbers,
            room=room,
        )

    async def _find(self, text: str) -> tuple[Reference, Document]:
        if not text.strip():
            sentence = "The document reference is empty. Give a docid, collection/path, qmd:// URI or absolute path."
            raise ArgumentError(sentence)
        candidates = readings(text)
        for reference in candidates:
            document = await self._by_name(reference.name)
            if document is not None:
                return reference, document
        for reference in candidates:
            if reference.docid is not None:
                matches = await self._documents.by_prefix(reference.docid)
                if len(matches) > 1:
                    raise AmbiguousDocidError(
                        reference.docid, matches=[f"#{match.docid[:12]} ({match.key})" for match in matches]
                    )
                if matches:
                    return reference, matches[0]
        raise DocumentNotFoundError(text, similar=await self._similar(candidates[-1].name))

    async def _by_name(self, name: str) -> Document | None:
        if "\0" in name:  # no file system takes it, and Python raises
            return None
        if Path(name).is_absolute():
            ways = await anyio.to_thread.run_sync(lambda: (os.path.normpath(name), os.path.realpath(name)))
            for collection in (await self.collections()).values():
                for path in map(Path, dict.fromkeys(ways)):
                    if path.is_relative_to(collection.root):
                        relative = unicodedata.normalize("NFC", path.relative_to(collection.root).as_posix())
                        found = await self._documents.by_key(f"{collection.name}/{relative}")
                        if found is not None:
                            return found
            return None
        return await self._documents.by_key(name)

    async def _similar(self, name: str) -> tuple[str, ...]:
        keys = await self._documents.keys()
        leaf = name.rsplit("/", 1)[-1].lower()
        same = [key for key in keys if key.rsplit("/", 1)[-1].lower() == leaf and key != name]
        close = process.extract(name, keys, scorer=fuzz.ratio, score_cutoff=LIKENESS, limit=NEAREST)
        return tuple(dict.fromkeys([*same, *(match[0] for match in close)]))[:NEAREST]


def _matching(pattern: str, keys: Sequence[str]) -> list[str]:
    """The keys that a glob names, with the collection in front or without; `**` is any number of folders.

    Raises:
        ArgumentError: the glob's braces or brackets do not fit.
    """
    bare = pattern.strip().removeprefix("qmd://")
    if not any(sign in bare for sign in "*?[{"):
        return []
    try:
        globs = compile_globs(expand_globs((bare,)))
    except CollectionError as error:
        raise ArgumentError(str(error)) from error
    if globs is None:
        return []
    return [key for key in keys if globs.fullmatch(key) or globs.fullmatch(key.split("/", 1)[1])]
