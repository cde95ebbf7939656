"""What a search or a reading answers: hits, excerpts, and how they came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from qmd_mcp.domain.documents import Freshness

SkipReason: TypeAlias = Literal[
    "a git worktree of another checkout",
    "a link in its path",
    "another user's hard link",
    "binary",
    "empty",
    "its reader fails",
    "link out of the collection",
    "name is not UTF-8",
    "not in the collection",
    "not decodable",
    "same name as another file",
    "secret by its name",
    "secret in its markup",
    "takes too long to read",
    "takes too much memory to read",
    "too large",
    "unreadable",
]
"""Why indexing left a file out. The set is fixed, because the status of an index counts files by these reasons."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The numbers that gave one hit its place; ranks count from 1, and are None if the list does not have the hit."""

    lexical_rank: int | None
    bm25: float | None
    dense_rank: int | None
    cosine: float | None
    maxsim: float | None = None
    """Score of late interaction; None if the passage was not compared token by token."""
    features: tuple[tuple[str, float], ...] = ()
    """Each feature with what it added to the fused score."""
    supported_by: tuple[str, ...] = ()
    """Sub-queries that found the passage as well."""
    rerank_logit: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One ranked, citable passage of an answer."""

    docid: str
    """`#` and the first six digits of the docid, which are unambiguous in most indexes. A longer prefix is accepted
    wherever a docid is asked for."""
    passage_id: str
    collection: str
    path: str
    uri: str
    title: str
    heading: tuple[str, ...]
    """All headings above the line that matches best, the outermost first, also the one that is the title."""
    start_line: int
    end_line: int
    score: float
    """Higher is better; scores of different answers cannot be compared."""
    relevance: float | None
    """Calibrated probability in [0, 1] that the passage is relevant; None if no model has estimated it."""
    snippet: str
    context: str | None
    freshness: Freshness
    tags: tuple[str, ...] = ()
    """The tags of the document, without `#`."""
    date: str | None = None
    """The date by which the document is filtered and sorted, as `2026-03-01`: that of its front matter, or else of its
    file. It is left out if it is the time of the file as it is now, unless the request sorts or filters by date."""
    also: tuple[str, ...] = ()
    """Places (`collection/path:first-last`) of copies, and of other passages with nearly the same text."""
    explanation: Explanation | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage of the query pipeline did for one answer."""

    name: str
    ran: bool
    reason: str | None = None
    """Why the stage did not run, or ran on fewer passages."""
    ms: float | None = None
    """Wall time in milliseconds."""
    provider: str | None = None
    """ONNX Runtime's execution provider, if a model ran."""
    batches: tuple[int, ...] = ()
    """Items in each forward pass, if a model ran over several."""


@dataclass(frozen=True, slots=True)
class LineFound:
    """One sub-query and how much it found."""

    line: str
    """The sub-query as it is typed: `lex: words`."""
    found: int
    """Passages that the sub-query found."""
    new: int
    """How many of these are in neither of the query's own lists."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one query."""

    query: str
    hits: tuple[Hit, ...]
    verdict: Literal["good", "weak", "none"] | None = None
    """How well the best hit answers the query; None if no model has estimated it."""
    stages: tuple[Stage, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences for the reader: which condition was relaxed, what is missing, what to try next."""
    omitted: int = 0
    """How many hits were found but not returned."""
    cursor: str | None = None
    """Sent back with the same query, it gives the hits that follow; None if there are no more."""
    lines: tuple[LineFound, ...] = ()
    """The sub-queries and what they found, if `explain` was asked for."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of one document, as they are on disk now."""

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
    """The line at which to go on reading; None if the document ends here."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skip:
    """A file or a reference that was left out, and why."""

    path: str
    reason: str
    """A `SkipReason` while indexing; a sentence or part of one when documents are read for a caller."""


@dataclass(frozen=True, slots=True)
class Excerpts:
    """Several documents that were read at once, and what was left out."""

    documents: tuple[Excerpt, ...]
    skipped: tuple[Skip, ...] = ()
