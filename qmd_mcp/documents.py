"""The values of the field: collections, documents, passages, hits and answers."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Explanation:
    """What moved one hit to its place; a rank counts from 1 and is null where the list does not have it."""

    lexical_rank: int | None
    bm25: float | None
    dense_rank: int | None
    cosine: float | None
    maxsim: float | None = None
    """Late interaction; null where it was not compared token by token."""
    features: tuple[tuple[str, float], ...] = ()
    """What each feature added to the fused score."""
    supported_by: tuple[str, ...] = ()
    """Sub-queries that found it too."""
    rerank_logit: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One ranked, citable passage of an answer."""

    docid: str
    """`#` and the first six digits, enough for most indexes; a longer prefix is accepted wherever it is asked for."""
    passage_id: str
    collection: str
    path: str
    uri: str
    title: str
    heading: tuple[str, ...]
    start_line: int
    end_line: int
    score: float
    """Higher is better; comparable within one answer only."""
    relevance: float | None
    """Calibrated probability in [0, 1]; null until something has measured it."""
    snippet: str
    context: str | None
    freshness: Freshness
    also: tuple[str, ...] = ()
    """Places (`collection/path:first-last`) of passages that say nearly the same."""
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage of the pipeline did for one answer."""

    name: str
    ran: bool
    reason: str | None = None
    """Why it did not run, or ran on less."""
    ms: float | None = None
    """Wall time, milliseconds."""
    provider: str | None = None
    """ONNX Runtime's execution provider, where a model ran."""
    batches: tuple[int, ...] = ()
    """Items of each forward, where a model ran over several."""


@dataclass(frozen=True, slots=True)
class LineFound:
    """One sub-query and what it found."""

    line: str
    """As `lex: words`."""
    found: int
    new: int
    """Of these, passages that neither of the query's own lists has."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that is said to one query."""

    query: str
    hits: tuple[Hit, ...]
    verdict: Literal["good", "weak", "none"] | None = None
    """How well the best hit answers; null until something has measured it."""
    stages: tuple[Stage, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences for the reader: what was relaxed, what is missing, what to try."""
    omitted: int = 0
    """Hits that were found and not returned."""
    cursor: str | None = None
    """Give it back with the same query for what comes next; null at the end."""
    lines: tuple[LineFound, ...] = ()
    """The sub-queries, where `explain` was asked for."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of one document, read from disk."""

    docid: str
    collection: str
    path: str
    uri: str
    title: str
    start_line: int
    end_line: int
    total_lines: int
    text: str
    freshness: Freshness
    context: str | None = None
    next_line: int | None = None
    """Where to go on reading; null at the end."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skip:
    """A file that was not read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Excerpts:
    """Several documents read at once, and what was left out."""

    documents: tuple[Excerpt, ...]
    skipped: tuple[Skip, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectionStatus:
    """What the index holds of one collection."""

    name: str
    root: str
    globs: tuple[str, ...]
    documents: int
    passages: int
    contexts: int
    skipped: dict[str, int] = field(default_factory=dict)
    """Files that the last update left out, by reason."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model as it stands in this process."""

    role: str
    model: str
    state: Literal["absent", "unloaded", "loading", "ready", "idle"]
    """Unloaded until it is first needed; idle when nobody uses it and it will be let go."""
    provider: str | None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The index and the models that serve it."""

    index: str
    schema_version: int
    generation: str
    embedder: str
    dimension: int
    documents: int
    passages: int
    embedded: int
    """Passages that have a vector."""
    size_bytes: int | None
    """On disk; null where the index is not on a local disk."""
    updated: str | None
    """ISO 8601, UTC; when the last update ended."""
    collections: tuple[CollectionStatus, ...]
    models: tuple[ModelStatus, ...]
    notes: tuple[str, ...] = ()


def docid_of(collection: str, path: str, content_hash: str) -> str:
    """Name a document's content at its place, so that identical files stay apart."""
    return hashlib.sha256(f"{collection}\0{path}\0{content_hash}".encode()).hexdigest()[:DOCID_LENGTH]


def shown_docid(docid: str) -> str:
    """A docid as hits show it."""
    return f"#{docid[:SHORTEST_DOCID]}"


def uri_of(collection: str, path: str) -> str:
    """A document's address; letters of every script stay readable (RFC 3987)."""
    return "qmd://" + _ASCII.sub(lambda run: quote(run[0], safe=_URI_SAFE), f"{collection}/{path}")
