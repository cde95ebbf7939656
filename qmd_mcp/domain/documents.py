"""The values that retrieval is about: collections, documents, passages and sub-queries."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote

from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.domain.properties import NO_PROPERTIES, Properties
from qmd_mcp.visible_text import one_line

Freshness: TypeAlias = Literal["current", "changed", "missing"]
"""Whether the file of a document still has the content that was indexed."""

Mode: TypeAlias = Literal["search", "vsearch", "query"]

DOCID_LENGTH = 32
"""Hexadecimal digits of a SHA-256 that make a docid: 128 bits, so that a collision needs about 2**64 documents."""

SHORTEST_DOCID = 6
"""Hexadecimal digits of a docid that are shown, and the fewest that a reference may give."""

_ASCII = re.compile(r"[\x00-\x7f]+")

_URI_SAFE = "/!$&'()*+,;=:@~"
"""Characters that stand for themselves in the path of a URI (RFC 3986, section 3.3)."""


@dataclass(frozen=True, slots=True)
class Context:
    """A person's description of everything at or below a path of a collection."""

    prefix: str
    """Path relative to the collection's root, with slashes, in NFC; empty for the whole collection."""
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", nfc(self.prefix))

    def covers(self, path: str) -> bool:
        """Whether the path of a document lies at or below the prefix."""
        return not self.prefix or path == self.prefix or path.startswith(self.prefix + "/")


@dataclass(frozen=True, slots=True)
class Collection:
    """A named folder, with the globs that select its files."""

    name: str
    root: Path
    """Absolute path of the folder, under the name that the file system has for it."""
    globs: tuple[str, ...]
    ignores: tuple[str, ...] = ()
    contexts: tuple[Context, ...] = ()

    def context_of(self, path: str) -> str | None:
        """The description with the longest prefix that covers the path of a document; None if none does."""
        covering = [context for context in self.contexts if context.covers(path)]
        return max(covering, key=lambda context: len(context.prefix)).text if covering else None


@dataclass(frozen=True, slots=True)
class Document:
    """One indexed file, as it was when it was read."""

    docid: str
    collection: str
    path: str
    """Relative to the collection's root, with slashes, in NFC."""
    title: str
    content_hash: str
    """SHA-256 of the file's bytes, hexadecimal."""
    size: int
    """Bytes."""
    mtime_ns: int
    indexed_ns: int
    """When the file was read, in nanoseconds since the epoch."""
    passages: int
    """How many passages the document has."""
    properties: Properties = NO_PROPERTIES
    reading: str = ""
    """Version of reading and cutting by which the document was indexed."""

    @property
    def key(self) -> str:
        """Collection and path: the name by which people refer to the document."""
        return f"{self.collection}/{self.path}"


@dataclass(frozen=True, slots=True)
class DocumentNames:
    """What people may call one document."""

    key: str
    """Collection and path."""
    title: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PassageSection:
    """A place in a passage from which on other headings hold."""

    start: int
    """Position in the passage's text, in characters."""
    heading: tuple[str, ...]
    """All headings above the text that follows, the outermost first, also the one that is the title."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A contiguous span of a document: the unit of embedding and retrieval."""

    docid: str
    collection: str
    path: str
    title: str
    ordinal: int
    """Position among the document's passages; the first has 0."""
    heading: tuple[str, ...]
    """The headings above the passage, the outermost first, without the title."""
    breadcrumb: str
    """Title and headings, of the first passage also what front matter says, shortened to their token budget; it is
    embedded together with the text."""
    text: str
    start_line: int
    """First line in the file; lines count from 1."""
    end_line: int
    """Last line in the file, included."""
    start_char: int
    """Where the passage starts in the text that the reader made of the file."""
    end_char: int
    """Where it ends there, excluded."""
    properties: Properties = NO_PROPERTIES
    table_header: str = ""
    """The header lines of the table in whose middle the passage begins; they are not part of its text."""
    sections: tuple[PassageSection, ...] = ()
    """The headings of every part of the text, in order; empty if the document has no headings."""
    _text_hash: str | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def passage_id(self) -> str:
        """Document and ordinal, as hits show them."""
        return f"{self.collection}/{self.path}#{self.ordinal}"

    @property
    def embedded_text(self) -> str:
        """What the embedder reads: the breadcrumb above the text, and between them the header of a table."""
        return "\n".join(filter(None, (self.breadcrumb, self.table_header, self.text)))

    def heading_at(self, position: int) -> tuple[str, ...]:
        """All headings above a position in the text, the outermost first."""
        above = [section for section in self.sections if section.start <= position]
        return above[-1].heading if above else self.heading

    @property
    def text_hash(self) -> str:
        """Hash of the embedded text: a stored vector with this hash can be kept.

        It is computed when it is first asked for and then kept, since indexing and late interaction ask twice for the
        hash of every passage.
        """
        known = self._text_hash
        if known is None:
            known = hashlib.sha256(self.embedded_text.encode()).hexdigest()[:DOCID_LENGTH]
            object.__setattr__(self, "_text_hash", known)
        return known


@dataclass(frozen=True, slots=True)
class SubQuery:
    """One line that is looked up in addition to the query: by BM25 (`lex`) or by the embedder (`vec`, `hyde`)."""

    kind: Literal["lex", "vec", "hyde"]
    text: str


def docid_of(collection: str, path: str, content_hash: str, *, reading: str = "") -> str:
    """Make the docid of a content at its place; identical files at different places have different docids.

    The same content that is read in another way (`Document.reading`) has another docid as well, so that its passages
    replace those of before as the passages of any changed document do.
    """
    name = f"{collection}\0{path}\0{content_hash}\0{reading}"
    return hashlib.sha256(name.encode()).hexdigest()[:DOCID_LENGTH]


def shown_docid(docid: str) -> str:
    """Shorten a docid to the form in which hits show it."""
    return f"#{docid[:SHORTEST_DOCID]}"


def uri_of(collection: str, path: str) -> str:
    """Make the URI of a document; letters that are not ASCII stay readable (RFC 3987)."""
    key = f"{collection}/{path}"
    if one_line(key) != key:  # what a message would not show is escaped, so that the URI still names the document
        return "qmd://" + quote(key, safe=_URI_SAFE, errors="replace")
    return "qmd://" + _ASCII.sub(lambda run: quote(run[0], safe=_URI_SAFE), key)
