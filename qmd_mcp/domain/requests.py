"""What a caller asks of the search service."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from qmd_mcp.domain.documents import SubQuery
from qmd_mcp.errors import ArgumentError, EmptyQueryError, QueryTooLongError

MAX_QUERY_CHARACTERS = 4_000
"""About 1,000 tokens: four times what the embedder reads; beyond it a query is a document."""

MAX_LIMIT = 100

MAX_SEARCHES = 10
"""As qmd takes them: typed lines of one call."""

CANDIDATE_LIMIT = 40
"""Passages that a reranker reads, as in qmd; the cost of `query` with one is proportional to it."""

FEWEST_TOKENS = 50
"""Below it not even one hit with its place and heading fits."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One question to one of the three searches; valid once constructed.

    Raises:
        EmptyQueryError, QueryTooLongError, ArgumentError: what does not fit.
    """

    query: str
    collections: tuple[str, ...] = ()
    """Empty for all."""
    limit: int = 10
    min_score: float | None = None
    """`search` and `vsearch` only: hits below are left out."""

    def __post_init__(self) -> None:
        composed = tuple(unicodedata.normalize("NFC", name) for name in self.collections)
        object.__setattr__(self, "collections", composed)
        if not self.query.strip():
            raise EmptyQueryError
        if len(self.query) > MAX_QUERY_CHARACTERS:
            raise QueryTooLongError(len(self.query), limit=MAX_QUERY_CHARACTERS)
        _within("limit", self.limit, lowest=1, highest=MAX_LIMIT)


@dataclass(frozen=True, slots=True)
class QueryRequest(SearchRequest):
    """One question to `query`, with everything that steers it."""

    intent: str | None = None
    """What the caller is after: steers reranking and snippets, never expansion."""
    searches: tuple[SubQuery, ...] = ()
    """The caller's own sub-queries, in place of an expander's."""
    expand: bool = True
    rerank: bool = True
    candidate_limit: int = CANDIDATE_LIMIT
    """Passages that the reranker reads."""
    timeout_ms: int | None = None
    """Under it stages are left out, and the answer says which."""
    min_relevance: float | None = None
    """Hits that are less likely to be relevant are left out."""
    max_tokens: int | None = None
    """Whole passages are packed into so many tokens, in place of snippets."""
    cursor: str | None = None
    """Where an earlier answer to the same question ended."""
    explain: bool = False

    def __post_init__(self) -> None:
        SearchRequest.__post_init__(self)  # no super(): a slotted dataclass is another class than the one written
        _within("candidate_limit", self.candidate_limit, lowest=1, highest=MAX_LIMIT)
        _within("timeout_ms", self.timeout_ms, lowest=1)
        _within("max_tokens", self.max_tokens, lowest=FEWEST_TOKENS)
        _within("min_relevance", self.min_relevance, lowest=0, highest=1)
        if self.intent is not None and len(self.intent) > MAX_QUERY_CHARACTERS:
            sentence = f"intent has {len(self.intent):,} characters; at most {MAX_QUERY_CHARACTERS:,} are taken."
            raise ArgumentError(sentence)


def sub_queries(lines: Sequence[str]) -> tuple[SubQuery, ...]:
    """Read typed lines such as `lex: connection refused`.

    Raises:
        ArgumentError: a line has no known type or no words, or there are too many.
    """
    if len(lines) > MAX_SEARCHES:
        sentence = f"searches has {len(lines)} lines; at most {MAX_SEARCHES} are taken."
        raise ArgumentError(sentence)
    return tuple(_sub_query(line) for line in lines)


def _sub_query(line: str) -> SubQuery:
    kind, _, text = (part.strip() for part in line.partition(":"))
    if not any(character.isalnum() for character in text) or len(text) > MAX_QUERY_CHARACTERS:
        kind = ""
    match kind.lower():
        case "lex":
            return SubQuery("lex", text)
        case "vec":
            return SubQuery("vec", text)
        case "hyde":
            return SubQuery("hyde", text)
        case _:
            shown = line if len(line) <= 60 else f"{line[:60]}…"  # noqa: PLR2004  enough to recognise the line
            sentence = f"A line of searches is 'lex: WORDS', 'vec: SENTENCE' or 'hyde: PASSAGE', not {shown!r}."
            raise ArgumentError(sentence)


def _within(name: str, value: float | None, *, lowest: float, highest: float | None = None) -> None:
    if value is None or (lowest <= value and (highest is None or value <= highest)):
        return
    bounds = f"goes from {lowest} to {highest}" if highest is not None else f"is at least {lowest}"
    sentence = f"{name} is {value}; it {bounds}."
    raise ArgumentError(sentence)
