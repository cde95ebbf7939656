"""Cutting a document into passages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tokenizers import Tokenizer

from qmd_mcp.corpus.chunking.pieces import Cutter, Piece
from qmd_mcp.corpus.chunking.sections import Section, sections
from qmd_mcp.corpus.chunking.token_counter import TokenCounter
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.domain.documents import Passage

CHUNKING = "sections-2"
"""Part of an index's fingerprint: changes with everything that moves a cut."""

SMALL_SHARE = 4
"""A section below this part of the budget (55 tokens: a heading and two or three sentences) joins its neighbour;
a larger one stands for itself, since a vector of two subjects is near neither."""

OVERLAP = 24
"""Tokens, about a sentence or two lines of code: what a pronoun at the start of a piece refers to. Pieces of a section
begin with as many whole sentences or lines of the piece before; at most an eighth of a smaller budget."""

_SENTENCE_START = re.compile(r"\n+|(?<=[.!?])\s+|(?<=[。！？])")
_WORD = re.compile(r"[^\W\d_]{3}|[぀-ヿ㐀-鿿가-힯豈-﫿\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class _Span:
    """Sections, or a piece of one."""

    start: int
    end: int
    tokens: int
    section: Section
    """That of its start."""
    whole: bool


class Chunker:
    """Cuts at headings, then between blocks, lines and sentences, and within a word only where it is too long.

    A document within the budget is one passage. Else sections are taken apart from the outermost headings on until
    they fit, small ones are put together again, and what still does not fit is cut into pieces of like size.
    Sections do not overlap: the breadcrumb says what each is about. Pieces of one section do, a little.
    """

    def __init__(self, tokenizer: Tokenizer, *, passage_tokens: int = 220, breadcrumb_tokens: int = 32) -> None:
        self._tokens = TokenCounter(tokenizer)
        self._budget = passage_tokens
        self._small = passage_tokens // SMALL_SHARE
        self._breadcrumb_budget = breadcrumb_tokens
        self._cutter = Cutter(self._tokens, budget=passage_tokens)
        self._overlap = min(OVERLAP, passage_tokens // 8)
        self._piece_cutter = Cutter(self._tokens, budget=passage_tokens - self._overlap)
        self._breadcrumb_cutter = Cutter(self._tokens, budget=breadcrumb_tokens)

    def passages(self, source: SourceText, *, docid: str, collection: str, path: str) -> tuple[Passage, ...]:
        """The passages of a document in their order; every character but blanks is in one."""
        text = source.text
        passages: list[Passage] = []
        line, counted = 1, 0
        heading = tuple[str, ...]()
        breadcrumb = self._breadcrumb(source, heading)
        for span in self._spans(source):
            start, end = _trimmed(text, span)
            if start == end:
                continue
            if span.section.heading != heading:
                heading, breadcrumb = span.section.heading, self._breadcrumb(source, span.section.heading)
            first = line + text.count("\n", counted, start) - text.count("\n", start, counted)
            line, counted = first + text.count("\n", start, end), end
            passages.append(
                Passage(
                    docid=docid,
                    collection=collection,
                    path=path,
                    title=source.title,
                    ordinal=len(passages),
                    heading=heading,
                    breadcrumb=breadcrumb,
                    text=text[start:end],
                    start_line=source.source_line(first),
                    end_line=source.source_line(line),
                    start_char=start,
                    end_char=end,
                )
            )
        return tuple(passages)

    def _spans(self, source: SourceText) -> list[_Span]:
        start, end = source.body_start, len(source.text)
        tokens = self._cutter.cost(source.text[start:end])
        if tokens <= self._budget:
            return [_Span(start, end, tokens, next(sections(source)), whole=True)]
        return self._packed(
            source,
            [
                _Span(
                    section.start,
                    section.end,
                    self._cutter.cost(source.text[section.start : section.end]),
                    section,
                    whole=True,
                )
                for section in sections(source)
            ],
        )

    def _packed(self, source: SourceText, spans: Sequence[_Span]) -> list[_Span]:
        """Take sections apart until they fit, then put the small ones together."""
        first, last = spans[0], spans[-1]
        if len(spans) == 1:
            if first.tokens <= self._budget:
                return [first]
            return list(self._pieces(source, first.section))
        together = self._together(source, first, last, tokens=sum(span.tokens for span in spans))
        if together:
            return [together]
        packed: list[_Span] = []
        for part in _parts(spans):
            below = self._packed(source, part)
            if packed and any(span.whole and span.tokens < self._small for span in (packed[-1], below[0])):
                joined = self._together(source, packed[-1], below[0], tokens=packed[-1].tokens + below[0].tokens)
                if joined:
                    packed[-1:], below = [joined], below[1:]
            packed += below
        return packed

    def _pieces(self, source: SourceText, section: Section) -> Iterator[_Span]:
        """A section that is too long, in pieces that overlap a little."""
        before: Piece | None = None
        for piece in self._piece_cutter.pieces(source, section):
            if not source.text[piece.start : piece.end].strip():
                continue
            start, tokens = piece.start, piece.tokens
            if before:
                begin = self._last_sentences(source.text, before)
                with_them = self._cutter.cost(source.text[begin : piece.end])
                if with_them <= self._budget:
                    start, tokens = begin, with_them
            yield _Span(start, piece.end, tokens, section, whole=False)
            before = piece

    def _last_sentences(self, text: str, piece: Piece) -> int:
        """Where the last sentences or lines of a piece begin that fit the overlap; never at its own start."""
        begin = piece.end
        own_start = piece.end - len(text[piece.start : piece.end].lstrip())
        for match in reversed(list(_SENTENCE_START.finditer(text, own_start + 1, piece.end))):
            if self._cutter.cost(text[match.end() : piece.end]) > self._overlap:
                break
            begin = match.end()
        return begin

    def _together(self, source: SourceText, first: _Span, last: _Span, *, tokens: int) -> _Span | None:
        """Everything from one span to another as one, if it fits."""
        if tokens <= self._budget and not self._tokens.adds_up:
            tokens = self._cutter.cost(source.text[first.start : last.end])
        if tokens > self._budget:
            return None
        return replace(first, end=last.end, tokens=tokens, whole=first.whole and last.whole)

    def _breadcrumb(self, source: SourceText, heading: tuple[str, ...]) -> str:
        """Title and headings within their budget: the outermost headings go first, then the title."""
        titled = source.title_source != "file name" or _WORD.search(source.title)
        title, names = [source.title] if titled else [], list(heading)
        while names[1:] and self._tokens.count(" > ".join((*title, *names))) > self._breadcrumb_budget:
            del names[0]
        if names and self._tokens.count(" > ".join((*title, *names))) > self._breadcrumb_budget:
            title = []
        return self._breadcrumb_cutter.beginning(" > ".join((*title, *names)))


def _parts(spans: Sequence[_Span]) -> Iterator[Sequence[_Span]]:
    """Sections, each with those below it, under the outermost headings behind the first section."""
    level = min(span.section.level for span in spans[1:])
    cuts = [position for position, span in enumerate(spans) if position and span.section.level == level]
    for start, stop in pairwise([0, *cuts, len(spans)]):
        yield spans[start:stop]


def _trimmed(text: str, span: _Span) -> tuple[int, int]:
    """A span without blank lines around it; the indentation of its first line stays."""
    piece = text[span.start : span.end]
    end = span.start + len(piece.rstrip())
    start = end - len(piece.strip())
    line = max(text.rfind("\n", span.start, start) + 1, span.start)
    return start if line == span.start > 0 and text[line - 1] != "\n" else line, end
