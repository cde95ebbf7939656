"""The values of the field: collections, documents, passages, sub-queries."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote

Freshness: TypeAlias = Literal["current", "changed", "missing"]
Mode: TypeAlias = Literal["search", "vsearch", "query"]

DOCID_LENGTH = 32
"""Hex digits kept of the SHA-256: 128 bits, so that a collision needs 2**64 documents."""

SHORTEST_DOCID = 6
"""Hex digits that are always shown and the fewest that are accepted."""

_ASCII = re.compile(r"[\x00-\x7f]+")

_URI_SAFE = "/!$&'()*+,;=:@~"
"""Characters that stand for themselves in the path of a URI (RFC 3986, section 3.3)."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a person says about everything below a path of a collection."""

    prefix: str
    """Relative POSIX path; empty for the whole collection."""
    text: str

    def covers(self, path: str) -> bool:
        """Whether a document's path lies at or below the prefix."""
        return not self.prefix or path == self.prefix or path.startswith(self.prefix + "/")


@dataclass(frozen=True, slots=True)
class Collection:
    """A named folder with globs."""

    name: str
    root: Path
    """Absolute."""
    globs: tuple[str, ...]
    ignores: tuple[str, ...] = ()
    contexts: tuple[Context, ...] = ()

    def context_of(self, path: str) -> str | None:
        """The context with the longest prefix over a document's path."""
        covering = [context for context in self.contexts if context.covers(path)]
        return max(covering, key=lambda context: len(context.prefix)).text if covering else None


@dataclass(frozen=True, slots=True)
class Document:
    """One indexed file, as it was when it was read."""

    docid: str
    collection: str
    path: str
    """Relative to the collection's root, POSIX, NFC."""
    title: str
    content_hash: str
    """SHA-256 of the file's bytes, hex."""
    size: int
    """Bytes."""
    mtime_ns: int
    indexed_ns: int
    """When it was read, nanoseconds since the epoch."""
    passages: int

    @property
    def key(self) -> str:
        """What names the document for a person: collection and path."""
        return f"{self.collection}/{self.path}"


@dataclass(frozen=True, slots=True)
class Passage:
    """A contiguous span of a document: the unit of embedding and retrieval."""

    docid: str
    collection: str
    path: str
    title: str
    ordinal: int
    """0 for the document's first passage."""
    heading: tuple[str, ...]
    """The headings above the passage, outermost first, without the title."""
    breadcrumb: str
    """Title and headings, cut to the embedder's budget; embedded and searched with the text."""
    text: str
    start_line: int
    end_line: int
    """1-based lines of the file, both included."""
    start_char: int
    end_char: int
    """Half-open span of the text that the reader made of the file."""

    @property
    def passage_id(self) -> str:
        """Document and ordinal, as hits show it."""
        return f"{self.collection}/{self.path}#{self.ordinal}"

    @property
    def embedded_text(self) -> str:
        """What the embedder reads: breadcrumb above text."""
        return f"{self.breadcrumb}\n{self.text}" if self.breadcrumb else self.text

    @property
    def text_hash(self) -> str:
        """Decides whether a stored vector can be kept."""
        return hashlib.sha256(self.embedded_text.encode()).hexdigest()[:DOCID_LENGTH]


@dataclass(frozen=True, slots=True)
class SubQuery:
    """One line that is looked up beside the query: for BM25 (`lex`) or the embedder (`vec`, `hyde`)."""

    kind: Literal["lex", "vec", "hyde"]
    text: str


def docid_of(collection: str, path: str, content_hash: str) -> str:
    """Name a document's content at its place, so that identical files stay apart."""
    return hashlib.sha256(f"{collection}\0{path}\0{content_hash}".encode()).hexdigest()[:DOCID_LENGTH]


def shown_docid(docid: str) -> str:
    """A docid as hits show it."""
    return f"#{docid[:SHORTEST_DOCID]}"


def uri_of(collection: str, path: str) -> str:
    """A document's address; letters of every script stay readable (RFC 3987)."""
    return "qmd://" + _ASCII.sub(lambda run: quote(run[0], safe=_URI_SAFE), f"{collection}/{path}")
