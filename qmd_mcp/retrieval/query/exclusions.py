"""What a query leaves out, settled with the texts and told to the reader."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.domain.text.folding import folded
from qmd_mcp.retrieval.query.filters import left_out_by_filters
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse_request
from qmd_mcp.retrieval.search_protocols import Library, SelectedPassages
from qmd_mcp.tasks import concurrently

MOST_COUNTED = 200
"""Most passages that are read to count what one negation leaves out: twice the longest list of candidates. Of more, the
answer says `200 or more`, which is as much of a warning."""

MOST_NAMED = 3
"""Documents named for one negation, and words named that were searched for: enough to notice a mistake."""


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Reads requests, and says what their negations leave out."""

    passages: SelectedPassages
    library: Library

    async def settled(self, request: SearchRequest) -> tuple[ParsedQuery, list[str]]:
        """The parsed request, and sentences about what it leaves out.

        A word with a minus is not excluded if a passage that it would leave out writes the minus itself, as in
        `java -jar app.jar`: then the query was copied from such a text.
        """
        parsed = parse_request(request)
        if not parsed.lexical.negatives and not left_out_by_filters(parsed.filters):
            return parsed, kept(parsed)
        words = parsed.excluded_words
        left_out = dict(zip(words, await self._left_out(parsed, words), strict=True))
        literal = {word for word, passages in left_out.items() if _writes_the_minus(word, passages)}
        if literal:
            parsed = parse_request(request, literal=literal)
            left_out = {word: left_out[word] for word in parsed.excluded_words}
        phrases = parsed.lexical.negatives[len(parsed.excluded_words) :]
        by_phrase = zip(phrases, await self._left_out(parsed, phrases), strict=True)
        return parsed, [
            *(_of_words(f"-{word}", passages) for word, passages in left_out.items()),
            *(_of_words(f'-"{phrase}"', passages) for phrase, passages in by_phrase),
            *await self.of_filters(parsed),
            *kept(parsed),
        ]

    async def of_filters(self, parsed: ParsedQuery) -> list[str]:
        """Sentences about what the negated filters leave out."""
        each = left_out_by_filters(parsed.filters)
        counts = await concurrently(*(partial(self.passages.count, scope) for scope in each.values()))
        return [f"{shown} left out {_count(count)}." for shown, count in zip(each, counts, strict=True)]

    async def _left_out(self, parsed: ParsedQuery, negatives: Sequence[str]) -> list[list[Passage]]:
        """For each negation, the visible passages that have words of the query and what is negated."""
        look_up = partial(self.passages.with_phrase, parsed.lexical, scope=parsed.filters, limit=MOST_COUNTED)
        found = await concurrently(*(partial(look_up, phrase=each) for each in negatives))
        visible = await self.library.documents(tuple({passage.docid for each in found for passage in each}))
        return [[passage for passage in each if passage.docid in visible] for each in found]


def kept(parsed: ParsedQuery) -> list[str]:
    """Say which words with a minus before them are searched for, and how to exclude one."""
    words = list(dict.fromkeys(parsed.kept_words))
    if not words:
        return []
    listed = _listed([f'"{word}"' for word in words], most=MOST_NAMED)
    were = "were taken as words" if len(words) > 1 else "was taken as a word"
    exclusion = f'-"{words[0].lstrip("-")}"'
    if parsed.text.split() == list(parsed.kept_words):  # a query that only excludes is an error
        return [f"{listed} {were}; to exclude one, add what should be found: other words {exclusion}."]
    return [f"{listed} {were}; to exclude one, quote it: {exclusion}."]


def _of_words(negation: str, passages: Sequence[Passage]) -> str:
    if not passages:
        return f"{negation} left out no passage with words of the query."
    documents = list(dict.fromkeys(f"{passage.collection}/{passage.path}" for passage in passages))
    more = " or more" if len(passages) == MOST_COUNTED else ""
    count = f"{len(passages)}{more} passages" if len(passages) > 1 else "1 passage"
    return f"{negation} left out {count} with words of the query ({_listed(documents, most=MOST_NAMED)})."


def _writes_the_minus(word: str, passages: Iterable[Passage]) -> bool:
    """Whether a text has the word as an option: with one minus or two before it, and nothing before these."""
    written = re.compile(rf"(?<![\w-])--?{re.escape(folded(word))}(?![\w-])")
    return any(written.search(folded(passage.text)) for passage in passages)


def _listed(names: Sequence[str], *, most: int) -> str:
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")


def _count(count: int) -> str:
    return "1 passage" if count == 1 else f"{count or 'no'} passage{'s' if count else ''}"
