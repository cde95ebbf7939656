"""One answer's part of everything that was found, and where the next one goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.retrieval.answering.packing import Cursor, Piece, fingerprint, pack, tokens_of
from qmd_mcp.retrieval.answering.spans import Span


@dataclass(frozen=True, slots=True)
class Part:
    """What an answer shows of one span."""

    span: Span
    piece: Piece | None
    """The lines that the budget has room for; null where there is no budget."""

    @property
    def lines(self) -> tuple[int, int]:
        """First and last line in the file, both included."""
        if self.piece is None:
            return self.span.start_line, self.span.end_line
        before, shown = self.span.text[: self.piece.start], self.span.text[self.piece.start : self.piece.end]
        blank = len(shown) - len(shown.lstrip("\n"))  # lines that are not shown
        first = before.count("\n") + blank
        return self.span.lines(first, first + shown.strip("\n").count("\n"))


@dataclass(frozen=True, slots=True)
class Page:
    """The parts of one answer."""

    parts: tuple[Part, ...]
    omitted: int
    """Spans behind them that are known of; there may be more."""
    cursor: str | None
    """Where the next page begins; null where nothing is left."""
    changed: bool
    """Whether what earlier pages showed is no longer what comes before this one."""


def beginning(request: QueryRequest) -> Cursor:
    """Where the answer to a request begins.

    Raises:
        ArgumentError: its cursor is none of ours, or of another question.
    """
    question = _question(request)
    if request.cursor is None:
        return Cursor(question=question, seen=_seen(()), hits=0)
    return Cursor.decoded(request.cursor, question=question)


def page_of(
    spans: Sequence[Span], cursor: Cursor, request: QueryRequest, *, collections: Mapping[str, Collection]
) -> Page:
    """The next spans within the request's limit and budget; `spans` are all up to one behind the limit at least."""
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
    """Tokens of what stands above a hit's text."""
    best = span.best
    place, context = f"{best.collection}/{best.path}", collection.context_of(best.path) or ""
    return sum(map(tokens_of, (place, context, best.title, *best.heading, *span.also)))


def _question(request: QueryRequest) -> str:
    """What decides the order of the hits: everything but how much of them is shown."""
    lines = (f"{line.kind}: {line.text}" for line in request.searches)
    flags = f"{request.expand} {request.rerank} {request.candidate_limit} {request.min_relevance}"
    return fingerprint(request.query, *request.collections, request.intent or "", flags, *lines)


def _seen(spans: Sequence[Span]) -> str:
    return fingerprint(*(span.best.passage_id for span in spans))
