"""Finding the documents that a reference or a glob names, and those with similar names if it names none."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Protocol

import anyio.to_thread
from rapidfuzz import fuzz, process

from qmd_mcp.corpus.library.names import called
from qmd_mcp.corpus.library.reference import LONGEST, Reference, glob_in, readings
from qmd_mcp.corpus.scanning.disk_files import absolute_on_disk
from qmd_mcp.corpus.scanning.globs import compile_globs, expand_globs
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection, Document, DocumentNames
from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.errors import (
    AmbiguousDocidError,
    AmbiguousNameError,
    ArgumentError,
    CallerError,
    CollectionError,
    DocumentNotFoundError,
)

MANY_DOCUMENTS = 50
"""Most documents of one answer; a glob that names more is cut, and the answer says so."""

GLOB_SECONDS = 2.0
"""How long the globs of one call are compared with names. A glob of five names with wildcards is compared with 100,000
documents in .2 s; 100 globs that were made to take long would keep a processor busy for minutes."""

LIKENESS = 50.0
"""How much two names must agree, in per cent, for one to be suggested in place of the other."""

NEAREST = 3
"""Most names that are suggested in place of one that is not there."""


class NamedDocuments(Protocol):
    """Where documents are looked up by name."""

    async def by_prefix(self, prefix: str) -> tuple[Document, ...]:
        """The documents whose docid begins with this prefix."""
        ...

    async def by_keys(self, keys: Sequence[str]) -> Mapping[str, Document]:
        """The documents at these `collection/path`, in one look-up; those that do not exist are absent."""
        ...

    async def names(self) -> tuple[DocumentNames, ...]:
        """What every document may be called."""
        ...


@dataclass(frozen=True, slots=True)
class Naming:
    """Finds documents by what callers call them."""

    documents: NamedDocuments
    collections: Callable[[], Awaitable[Mapping[str, Collection]]]

    async def find(self, text: str) -> tuple[Reference, Document]:
        """Return the one document that a reference names, with the way in which the reference was read.

        Raises:
            DocumentNotFoundError, AmbiguousDocidError, AmbiguousNameError, ArgumentError: the reference names no
                document, names several, or is empty.
        """
        read = await self._read(text)
        found = await self.documents.by_keys(list(chain.from_iterable(keys for _, keys in read)))
        named = _first_named(read, found)
        if named is not None:
            reference, key = named
            return reference, found[key]
        by_docid = await self._by_docid(read)
        if by_docid is not None:
            return by_docid
        reference, key = await _called(text, read, await self.documents.names())
        document = (await self.documents.by_keys([key])).get(key)
        if document is None:  # it was removed after its name was found
            raise DocumentNotFoundError(text)
        return reference, document

    async def select(self, patterns: Sequence[str]) -> tuple[list[tuple[Reference, Document]], list[Skip]]:
        """Return the documents of references and globs, and each reference or glob that names none, with the reason.

        With each document comes the way in which its reference was read.
        """
        names = await self.documents.names()
        known = frozenset(each.key for each in names)
        chosen: dict[tuple[Reference, str], None] = {}
        skipped: list[Skip] = []
        until = time.monotonic() + GLOB_SECONDS
        for pattern in patterns:
            try:
                chosen.update(dict.fromkeys(await self._named(pattern, names, known, until)))
            except CallerError as error:
                skipped.append(Skip(pattern, str(error)))
        if len(chosen) > MANY_DOCUMENTS:
            left = len(chosen) - MANY_DOCUMENTS
            skipped.append(Skip(f"{left} more documents", f"an answer has {MANY_DOCUMENTS} at most: narrow the glob"))
        shown = list(chosen)[:MANY_DOCUMENTS]
        found = await self.documents.by_keys([key for _, key in shown])
        return [(reference, found[key]) for reference, key in shown if key in found], skipped

    async def similar(self, name: str) -> tuple[str, ...]:
        """Return names of documents that are similar to one, those with the same file name first."""
        return await anyio.to_thread.run_sync(_similar, name, [each.key for each in await self.documents.names()])

    async def _named(
        self, pattern: str, names: Sequence[DocumentNames], known: Container[str], until: float
    ) -> Sequence[tuple[Reference, str]]:
        """The `collection/path` of each document that a reference or glob names, with the way in which it was read."""
        glob, malformed = glob_in(pattern), None
        if glob is not None:
            try:
                matched = await anyio.to_thread.run_sync(_matching, glob, [each.key for each in names], until)
            except ArgumentError as error:
                malformed = error
            else:
                if matched:
                    return [(Reference(""), key) for key in matched]
        read = await self._read(pattern)
        named = _first_named(read, known)
        if named is not None:  # also a file with brackets in its name
            return [_without_name(*named)]
        if malformed is not None:
            raise malformed
        if glob is not None:
            sentence = "no document matches it"
            raise ArgumentError(sentence)
        by_docid = await self._by_docid(read)
        if by_docid is not None:
            return [_without_name(by_docid[0], by_docid[1].key)]
        return [_without_name(*await _called(pattern, read, names))]

    async def _read(self, text: str) -> list[tuple[Reference, list[str]]]:
        """Every way to read a reference, each with the `collection/path` at which its document would be."""
        if not text.strip():
            sentence = "The document reference is empty. Give a docid, collection/path, qmd:// URI or absolute path."
            raise ArgumentError(sentence)
        if len(text) > LONGEST:
            sentence = f"The document reference has {len(text):,} characters; at most {LONGEST:,} are taken."
            raise ArgumentError(sentence)
        return [(reference, await self._possible_keys(reference.name)) for reference in readings(text)]

    async def _possible_keys(self, name: str) -> list[str]:
        if "\0" in name:  # no file has such a name, and Python's functions for paths raise an exception
            return []
        paths = await anyio.to_thread.run_sync(_spellings, name)
        keys: list[str] = [] if Path(name).is_absolute() else [name]
        for collection in (await self.collections()).values():
            root = _composed(collection.root)
            keys += [
                f"{collection.name}/{path.relative_to(root).as_posix()}" for path in paths if path.is_relative_to(root)
            ]
        return keys

    async def _by_docid(self, read: Sequence[tuple[Reference, Sequence[str]]]) -> tuple[Reference, Document] | None:
        for reference, _ in read:
            if reference.docid is not None:
                matches = await self.documents.by_prefix(reference.docid)
                if len(matches) > 1:
                    raise AmbiguousDocidError(
                        reference.docid, matches=[f"#{match.docid[:12]} ({match.key})" for match in matches]
                    )
                if matches:
                    return reference, matches[0]
        return None


def _first_named(
    read: Sequence[tuple[Reference, Sequence[str]]], known: Container[str]
) -> tuple[Reference, str] | None:
    """The first way to read a reference that names a known document, and that document's `collection/path`."""
    return next(((reference, key) for reference, keys in read for key in keys if key in known), None)


async def _called(
    text: str, read: Sequence[tuple[Reference, Sequence[str]]], names: Sequence[DocumentNames]
) -> tuple[Reference, str]:
    """The one document that people call so.

    Raises:
        DocumentNotFoundError, AmbiguousNameError: there is none, or there are several.
    """
    for reference, _ in read:
        found = await anyio.to_thread.run_sync(called, reference.name, names)
        if len(found) > 1:
            raise AmbiguousNameError(reference.name, matches=found)
        if found:
            return reference, found[0]
    similar = await anyio.to_thread.run_sync(_similar, _last_name(read), [each.key for each in names])
    raise DocumentNotFoundError(text, similar=similar)


def _without_name(reference: Reference, key: str) -> tuple[Reference, str]:
    """A document with its lines or heading, which is the same however it was called."""
    return replace(reference, name="", docid=None), key


def _last_name(read: Sequence[tuple[Reference, Sequence[str]]]) -> str:
    """The name in the last way to read a reference, which is without lines or an ordinal."""
    return read[-1][0].name


def _spellings(name: str) -> list[Path]:
    """A path as it was written and with all links resolved, both in NFC; relative ones begin at the working folder."""
    try:
        absolute = os.path.abspath(name)  # noqa: PTH100  takes `..` out; Path.resolve would also follow links
    except FileNotFoundError:  # the working folder was removed
        return []
    resolved = os.path.realpath(absolute_on_disk(Path(absolute)))
    return list(dict.fromkeys(_composed(Path(path)) for path in (absolute, resolved)))


def _composed(path: Path) -> Path:
    return Path(nfc(str(path)))


def _similar(name: str, keys: Sequence[str]) -> tuple[str, ...]:
    leaf = name.rsplit("/", 1)[-1].lower()
    same = [key for key in keys if key.rsplit("/", 1)[-1].lower() == leaf and key != name]
    close = process.extract(name, keys, scorer=fuzz.ratio, score_cutoff=LIKENESS, limit=NEAREST + 1)
    others = dict.fromkeys([*same, *(match[0] for match in close if match[0] != name)])
    return tuple(others)[:NEAREST]


def _matching(glob: str, keys: Sequence[str], until: float) -> list[str]:
    """The keys that a glob matches, with or without the collection in front.

    Raises:
        ArgumentError: the glob cannot be used, or comparing it takes too long.
    """
    try:
        globs = compile_globs(expand_globs((glob,)))
    except CollectionError as error:
        raise ArgumentError(str(error)) from error
    matched: list[str] = []
    for key in keys:
        if time.monotonic() > until:
            sentence = f"the globs of one call are compared for {GLOB_SECONDS:g} s at most: write fewer wildcards"
            raise ArgumentError(sentence)
        if globs.matches(key) or globs.matches(key.split("/", 1)[1]):
            matched.append(key)
    return matched
