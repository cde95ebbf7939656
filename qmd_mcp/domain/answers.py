"""What is said to a request: hits, excerpts, and how they came about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qmd_mcp.domain.documents import Freshness


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
