"""Choosing the part of the hits that one answer shows, and the cursor at which the next answer continues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.retrieval.answering.packing import Cursor, Piece, fingerprint, pack, tokens_of
from qmd_mcp.retrieval.answering.spans import Span


@dataclass(frozen=True, slots=True)
class Part:
    """The part of one span that an answer shows."""

    span: Span
    piece: Piece | None
    """The lines that fit into the budget; None if the request has no budget, and then a snippet is shown."""

    @property
    def lines(self) -> tuple[int, int]:
        """First and last line of the part in the file, both included."""
        if self.piece is None:
            return self.span.start_line, self.span.end_line
        before, shown = self.span.text[: self.piece.start], self.span.text[self.piece.start : self.piece.end]
        blank = len(shown) - len(shown.lstrip("\n"))  # blank lines at the beginning are not shown
        first = before.count("\n") + blank
        return self.span.lines(first, first + shown.strip("\n").count("\n"))


@dataclass(frozen=True, slots=True)
class Page:
    """The parts of one answer."""

    parts: tuple[Part, ...]
    omitted: int
    """Number of known spans behind these parts; there may be more."""
    cursor: str | None
    """Where the next page begins; None if nothing is left."""
    changed: bool
    """Whether the index changed, so that the spans before this page are not those that earlier pages showed."""


def beginning(request: QueryRequest) -> Cursor:
    """The cursor at which the answer to a request begins.

    Raises:
        ArgumentError: no answer gave the request's cursor, or it gave it to another question.
    """
    question = _question(request)
    if request.cursor is None:
        return Cursor(question=question, seen=_seen(()), hits=0)
    return Cursor.decoded(request.cursor, question=question)


def page_of(
    spans: Sequence[Span], cursor: Cursor, request: QueryRequest, *, collections: Mapping[str, Collection]
) -> Page:
    """The spans from the cursor on that fit into the request's limit and budget.

    `spans` begin with the best hit and go at least one beyond the limit, if there are so many.
    """
    parts = _parts(spans[cursor.hits : cursor.hits + request.limit], cursor, request, collections=collections)
    done, characters = cursor.hits + len(parts), 0
    omitted = max(0, len(spans) - done)
    if parts and (piece := parts[-1].piece) is not None and piece.end < len(parts[-1].span.text):
        done, characters = done - 1, piece.end
    following = Cursor(question=cursor.question, seen=_seen(spans[:done]), hits=done, characters=characters)
    return Page(
        parts=parts,
        omitted=omitted,
        cursor=following.encoded() if done < len(spans) else None,
        changed=cursor.seen != _seen(spans[: cursor.hits]),
    )


def _parts(
    spans: Sequence[Span], cursor: Cursor, request: QueryRequest, *, collections: Mapping[str, Collection]
) -> tuple[Part, ...]:
    if request.max_tokens is None:
        return tuple(Part(span, None) for span in spans)
    costs = [_cost(span, collections[span.best.collection]) for span in spans]
    pieces = pack([span.text for span in spans], costs=costs, max_tokens=request.max_tokens, start=cursor.characters)
    return tuple(Part(span, piece) for span, piece in zip(spans, pieces, strict=False))


def _cost(span: Span, collection: Collection) -> int:
    """Tokens of what an answer writes above the text of a hit."""
    best = span.best
    place, context = f"{best.collection}/{best.path}", collection.context_of(best.path) or ""
    return sum(map(tokens_of, (place, context, best.title, *best.heading, *best.properties.tags, *span.also)))


def _question(request: QueryRequest) -> str:
    """Fingerprint of everything in a request that decides which hits there are and in which order."""
    lines = (f"{line.kind}: {line.text}" for line in request.searches)
    flags = f"{request.expand} {request.rerank} {request.candidate_limit} {request.min_relevance} {request.sort}"
    filters = (*request.collections, *(f"tag:{tag}" for tag in request.tags), f"{request.after} {request.before}")
    return fingerprint(request.query, *filters, request.intent or "", flags, *lines)


def _seen(spans: Sequence[Span]) -> str:
    return fingerprint(*(span.best.passage_id for span in spans))
