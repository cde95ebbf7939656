"""Which documents a reference or a glob means, and which are near to one that means none."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import anyio.to_thread
from rapidfuzz import fuzz, process

from qmd_mcp.corpus.library.reference import Reference, readings
from qmd_mcp.corpus.scanning.globs import compile_globs, expand_globs
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection, Document
from qmd_mcp.errors import AmbiguousDocidError, ArgumentError, CallerError, CollectionError, DocumentNotFoundError

MANY_DOCUMENTS = 50
"""Documents of one answer; a glob beyond it is cut, and says so."""

LIKENESS = 50.0
"""Per cent of two names that must agree for one to be offered for the other."""

NEAREST = 3
"""Names offered for one that is not there."""


class NamedDocuments(Protocol):
    """Where documents are found by name."""

    async def by_prefix(self, prefix: str) -> tuple[Document, ...]:
        """Those whose docid begins so."""
        ...

    async def by_key(self, key: str) -> Document | None:
        """The one at `collection/path`."""
        ...

    async def keys(self) -> tuple[str, ...]:
        """Every `collection/path`."""
        ...


@dataclass(frozen=True, slots=True)
class Naming:
    """Finds documents by what callers call them."""

    documents: NamedDocuments
    collections: Callable[[], Awaitable[Mapping[str, Collection]]]

    async def find(self, text: str) -> tuple[Reference, Document]:
        """The one document that a reference means, and how it was read.

        Raises:
            DocumentNotFoundError, AmbiguousDocidError, ArgumentError: it means none, several, or is empty.
        """
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
                matches = await self.documents.by_prefix(reference.docid)
                if len(matches) > 1:
                    raise AmbiguousDocidError(
                        reference.docid, matches=[f"#{match.docid[:12]} ({match.key})" for match in matches]
                    )
                if matches:
                    return reference, matches[0]
        raise DocumentNotFoundError(text, similar=await self.similar(candidates[-1].name))

    async def select(self, patterns: Sequence[str]) -> tuple[list[Document], list[Skip]]:
        """The documents of references and globs, and what means none."""
        keys = await self.documents.keys()
        chosen: dict[str, None] = {}
        skipped: list[Skip] = []
        for pattern in patterns:
            matched = _matching(pattern, keys)
            chosen.update(dict.fromkeys(matched))
            if not matched:
                try:
                    _, document = await self.find(pattern)
                except CallerError as error:
                    skipped.append(Skip(pattern, "no document matches it" if _is_glob(pattern) else str(error)))
                else:
                    chosen[document.key] = None
        if len(chosen) > MANY_DOCUMENTS:
            left = len(chosen) - MANY_DOCUMENTS
            skipped.append(Skip(f"{left} more documents", f"an answer has {MANY_DOCUMENTS} at most: narrow the glob"))
        found = [await self.documents.by_key(key) for key in list(chosen)[:MANY_DOCUMENTS]]
        return [document for document in found if document is not None], skipped

    async def similar(self, name: str) -> tuple[str, ...]:
        """Names near to one, the same file name first."""
        keys = await self.documents.keys()
        leaf = name.rsplit("/", 1)[-1].lower()
        same = [key for key in keys if key.rsplit("/", 1)[-1].lower() == leaf and key != name]
        close = process.extract(name, keys, scorer=fuzz.ratio, score_cutoff=LIKENESS, limit=NEAREST + 1)
        others = dict.fromkeys([*same, *(match[0] for match in close if match[0] != name)])
        return tuple(others)[:NEAREST]

    async def _by_name(self, name: str) -> Document | None:
        if "\0" in name:  # no file system takes it, and Python raises
            return None
        if Path(name).is_absolute():
            ways = await anyio.to_thread.run_sync(lambda: (os.path.normpath(name), os.path.realpath(name)))
            for collection in (await self.collections()).values():
                for path in map(Path, dict.fromkeys(ways)):
                    if path.is_relative_to(collection.root):
                        relative = unicodedata.normalize("NFC", path.relative_to(collection.root).as_posix())
                        found = await self.documents.by_key(f"{collection.name}/{relative}")
                        if found is not None:
                            return found
            return None
        return await self.documents.by_key(name)


def _matching(pattern: str, keys: Sequence[str]) -> list[str]:
    """The keys that a glob names, with the collection in front or without; `**` is any number of folders.

    Raises:
        ArgumentError: the glob's braces or brackets do not fit.
    """
    bare = pattern.strip().removeprefix("qmd://")
    if not _is_glob(bare):
        return []
    try:
        globs = compile_globs(expand_globs((bare,)))
    except CollectionError as error:
        raise ArgumentError(str(error)) from error
    if globs is None:
        return []
    return [key for key in keys if globs.fullmatch(key) or globs.fullmatch(key.split("/", 1)[1])]


def _is_glob(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[{")
