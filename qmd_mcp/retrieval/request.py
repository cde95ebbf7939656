"""What a caller asks of the search service."""

from __future__ import annotations

from dataclasses import dataclass

from qmd_mcp.errors import ArgumentError, EmptyQueryError, QueryTooLongError

MAX_QUERY_CHARACTERS = 4_000
"""About 1,000 tokens: four times what the embedder reads; beyond it a query is a document."""

MAX_LIMIT = 100


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
        if not self.query.strip():
            raise EmptyQueryError
        if len(self.query) > MAX_QUERY_CHARACTERS:
            raise QueryTooLongError(len(self.query), limit=MAX_QUERY_CHARACTERS)
        if not 1 <= self.limit <= MAX_LIMIT:
            sentence = f"limit is {self.limit}; it goes from 1 to {MAX_LIMIT}."
            raise ArgumentError(sentence)
