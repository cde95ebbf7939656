"""Cutting a document into passages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tokenizers import Tokenizer

from qmd_mcp.corpus.chunking.outline import Outline
from qmd_mcp.corpus.chunking.pieces import Cutter, Piece
from qmd_mcp.corpus.chunking.sections import Section, sections
from qmd_mcp.corpus.chunking.tables import table_around, tables
from qmd_mcp.corpus.chunking.token_counter import TokenCounter
from qmd_mcp.corpus.readers.headings import Heading
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.domain.documents import Passage

CHUNKING = "sections-2"
"""Version of the cutting that is part of the fingerprint of an index. If it changes, a new generation is built in which
every passage is embedded anew; where most passages stay as they are, `READING` is changed instead."""

READING = "3"
"""Version of reading and cutting. It must change whenever a reader or a cut changes: documents that were indexed with
another one are read again, and those of their passages whose embedded text is the same keep their vectors."""

SMALL_SHARE = 4
"""A section below this fraction (a fourth) of the budget joins its neighbour: 55 tokens are a heading and two or three
sentences. A larger section stays alone, since a vector of a text with two subjects is near neither of them."""

OVERLAP = 24
"""Tokens by which the pieces of one section overlap, about a sentence or two lines of code: a pronoun at the start of a
piece refers to them. A piece begins with the last whole sentences or lines of the piece before that fit this number. If
the budget is small, the overlap is at most an eighth of it."""

_SUMMARIES = frozenset(["abstract", "description", "excerpt", "subtitle", "summary"])
"""Keys of front matter whose values say what a document is about."""

_SENTENCE_START = re.compile(r"\n+|(?<=[.!?])\s+|(?<=[。！？])")
_WORD = re.compile(r"[^\W\d_]{3}|[぀-ヿ㐀-鿿가-힯豈-﫿\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class _Span:
    """One section, several sections in a row, or a piece of one section."""

    start: int
    end: int
    tokens: int
    section: Section
    """The section in which the span starts."""
    whole: bool
    """Whether the span consists of whole sections."""
    header: str = ""
    """The header of the table in whose middle the span starts."""
    header_tokens: int = 0


class Chunker:
    """Cuts documents at headings, then between blocks, lines and sentences, and within a word only if it is too long.

    A document within the budget is one passage. Otherwise the document is taken apart at its headings, the outermost
    first, until each part fits; small sections are joined again, and a section that is still too long is cut into
    pieces of similar size. Sections do not overlap, because the breadcrumb says what each is about. Pieces of one
    section overlap a little, except within a table: a piece that begins there has the table's header instead.
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
        """Return the passages of a document in their order; every character except blanks is in at least one."""
        text = source.text
        passages: list[Passage] = []
        line, counted = 1, 0
        heading = tuple[str, ...]()
        breadcrumb = self._breadcrumb(source, heading)
        headings = tuple(source.headings())
        outline = Outline(headings)
        for span in self._spans(source, headings):
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
                    breadcrumb=breadcrumb if passages else self._with_properties(source, breadcrumb),
                    text=text[start:end],
                    start_line=source.source_line(first),
                    end_line=source.source_line(line),
                    start_char=start,
                    end_char=end,
                    properties=source.properties,
                    table_header=span.header,
                    sections=outline.within(start, end),
                )
            )
        return tuple(passages)

    def _spans(self, source: SourceText, headings: Sequence[Heading]) -> list[_Span]:
        start, end = source.body_start, len(source.text)
        tokens = self._cutter.cost(source.text[start:end])
        if tokens <= self._budget:
            return [_Span(start, end, tokens, next(sections(source, headings)), whole=True)]
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
                for section in sections(source, headings)
            ],
        )

    def _packed(self, source: SourceText, spans: Sequence[_Span]) -> list[_Span]:
        """Take sections apart until each part fits the budget, then join the small ones."""
        first, last = spans[0], spans[-1]
        if len(spans) == 1:
            if first.tokens <= self._budget:
                return [first]
            return list(self._pieces(source, first.section))
        whole = self._joined(source, first, last, tokens=sum(span.tokens for span in spans))
        if whole:
            return [whole]
        packed: list[_Span] = []
        for part in _parts(spans):
            packed_part = self._packed(source, part)
            before, after = packed[-1] if packed else None, packed_part[0]
            if before and any(span.whole and span.tokens < self._small for span in (before, after)):
                joined = self._joined(source, before, after, tokens=before.tokens + after.tokens)
                if joined:
                    packed[-1:], packed_part = [joined], packed_part[1:]
            packed += packed_part
        return packed

    def _pieces(self, source: SourceText, section: Section) -> Iterator[_Span]:
        """Cut a section that is too long into pieces that overlap a little."""
        found = tables(source, section)
        before: Piece | None = None
        for piece in self._piece_cutter.pieces(source, section, found):
            if not source.text[piece.start : piece.end].strip():
                continue
            span = _Span(
                piece.start,
                piece.end,
                piece.tokens,
                section,
                whole=False,
                header=piece.header,
                header_tokens=piece.header_tokens,
            )
            overlap_start = self._overlap_start(source.text, before) if before else piece.start
            if overlap_start < piece.start and not table_around(found, overlap_start):
                tokens = self._cutter.cost(source.text[overlap_start : piece.end])
                if tokens <= self._budget:
                    span = replace(span, start=overlap_start, tokens=tokens, header="", header_tokens=0)
            yield span
            before = piece

    def _overlap_start(self, text: str, piece: Piece) -> int:
        """Where the last sentences or lines of a piece begin that fit the overlap; never at the start of the piece."""
        begin = piece.end
        own_start = piece.end - len(text[piece.start : piece.end].lstrip())
        for match in reversed(list(_SENTENCE_START.finditer(text, own_start + 1, piece.end))):
            if self._cutter.cost(text[match.end() : piece.end]) > self._overlap:
                break
            begin = match.end()
        return begin

    def _joined(self, source: SourceText, first: _Span, last: _Span, *, tokens: int) -> _Span | None:
        """Join everything from one span to another into one span; None if it does not fit the budget."""
        if tokens <= self._budget and not self._tokens.adds_up:
            tokens = self._cutter.cost(source.text[first.start : last.end])
        if tokens + first.header_tokens > self._budget:
            return None
        return replace(first, end=last.end, tokens=tokens, whole=first.whole and last.whole)

    def _with_properties(self, source: SourceText, breadcrumb: str) -> str:
        """The breadcrumb of a document's first passage, which also has what the front matter says, as far as it fits.

        Lexical retrieval finds front matter with every passage; by meaning it would not be found at all without this.
        """
        about = source.properties
        summaries = [line for line in about.about.splitlines() if line.partition(":")[0].lower() in _SUMMARIES]
        said = ", ".join((*about.aliases, *about.tags, *(line.partition(":")[2].strip() for line in summaries)))
        if not said or not source.body_start:  # the text of a note without a body is its front matter
            return breadcrumb
        return self._breadcrumb_cutter.beginning(f"{breadcrumb} ({said})" if breadcrumb else said)

    def _breadcrumb(self, source: SourceText, heading: tuple[str, ...]) -> str:
        """Join title and headings within their budget: the outermost headings are dropped first, then the title."""
        titled = source.title_source != "file name" or _WORD.search(source.title)
        title, names = [source.title] if titled else [], list(heading)
        while names[1:] and self._tokens.count(" > ".join((*title, *names))) > self._breadcrumb_budget:
            del names[0]
        if names and self._tokens.count(" > ".join((*title, *names))) > self._breadcrumb_budget:
            title = []
        return self._breadcrumb_cutter.beginning(" > ".join((*title, *names)))


def _parts(spans: Sequence[_Span]) -> Iterator[Sequence[_Span]]:
    """Split sections before each of the outermost headings that follow the first section."""
    level = min(span.section.level for span in spans[1:])
    cuts = [position for position, span in enumerate(spans) if position and span.section.level == level]
    for start, stop in pairwise([0, *cuts, len(spans)]):
        yield spans[start:stop]


def _trimmed(text: str, span: _Span) -> tuple[int, int]:
    """Start and end of a span without the blank lines around it; the indentation of its first line stays."""
    piece = text[span.start : span.end]
    end = span.start + len(piece.rstrip())
    start = end - len(piece.strip())
    line = max(text.rfind("\n", span.start, start) + 1, span.start)
    return start if line == span.start > 0 and text[line - 1] != "\n" else line, end
