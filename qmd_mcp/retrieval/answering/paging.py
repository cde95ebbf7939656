"""Choosing the part of the hits that one answer shows, and the cursor at which the next answer continues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.retrieval.grouping.spans import Span
from qmd_mcp.retrieval.showing.packing import NOT_BEGUN, Cursor, Packable, Turn, fingerprint, pack, tokens_of
from qmd_mcp.retrieval.showing.piece import Piece
from qmd_mcp.retrieval.showing.snippet import snippet
from qmd_mcp.retrieval.showing.text_matches import Sought, TextMatches


@dataclass(frozen=True, slots=True)
class Part:
    """The part of one span that an answer shows."""

    span: Span
    piece: Piece
    packed: bool
    """Whether the piece was cut to fit into a budget; otherwise it is a snippet, which stands for the whole span."""

    @property
    def lines(self) -> tuple[int, int]:
        """First and last line of the part in the file, both included."""
        if not self.packed:
            return self.span.start_line, self.span.end_line
        before, shown = self.span.text[: self.piece.start], self.span.text[self.piece.start : self.piece.end]
        blank = len(shown) - len(shown.lstrip("\n"))  # blank lines at the beginning are not shown
        first = before.count("\n") + blank
        return self.span.lines(first, first + shown.strip("\n").count("\n"))

    def heading(self, sought: Sought) -> tuple[str, ...]:
        """All headings above the line of the part that matches best."""
        headings = {section.heading for passage in self.span.passages for section in passage.sections}
        if len(headings) <= 1:  # of most passages there is one, and finding where a text matches takes time
            return next(iter(headings), self.span.best.heading)
        matches = TextMatches(self.span.text, sought)
        return self.span.heading_at(matches.best(self.piece.start, self.piece.end))


def snippet_of(span: Span, sought: Sought) -> Part:
    """The part of a span that an answer without a budget shows."""
    return Part(span, snippet(span.text, sought, header=span.table_header), packed=False)


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
    within_line: bool = False
    """Whether the last part ends within a line, which does not fit into the budget."""


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
    spans: Sequence[Span],
    cursor: Cursor,
    request: QueryRequest,
    *,
    sought: Sought,
    collections: Mapping[str, Collection],
) -> Page:
    """The spans from the cursor on that fit into the request's limit and budget.

    `spans` begin with the best hit and go at least one beyond the limit, if there are so many.
    """
    chosen = spans[cursor.hits : cursor.hits + request.limit]
    turn: Turn | None = None
    within_line = False
    if request.max_tokens is None:
        parts = tuple(snippet_of(span, sought) for span in chosen)
    else:
        items = [
            Packable(span.text, _cost(span, collections[span.best.collection]), sought, span.table_header)
            for span in chosen
        ]
        packed = pack(items, max_tokens=request.max_tokens, turn=cursor.turn)
        parts = tuple(Part(span, piece, packed=True) for span, piece in zip(chosen, packed.pieces, strict=False))
        turn, within_line = packed.turn, packed.within_line
    done = cursor.hits + len(parts)
    omitted = max(0, len(spans) - done)
    if turn is not None:
        done -= 1
    following = Cursor(cursor.question, seen=_seen(spans[:done]), hits=done, turn=turn or NOT_BEGUN)
    return Page(
        parts=parts,
        omitted=omitted,
        cursor=following.encoded() if done < len(spans) else None,
        changed=cursor.seen != _seen(spans[: cursor.hits]),
        within_line=within_line,
    )


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
