"""Choosing the part of a passage that an answer shows."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from qmd_mcp.domain.lookup import LexicalQuery

LONGEST = 600
"""Most Latin letters of a snippet: about 150 tokens, so that ten hits stay below 2,000 tokens of an agent's context."""

SHORTEST = 300
"""A text of at most this many Latin letters is shown whole, and no snippet of a longer text is shorter: a single
matching line at the end of a passage is not understood without the lines that lead to it."""

IDEOGRAPH = 4
"""How many Latin letters a character of a script without blanks counts for: about four Latin letters are one token, and
such a character is one by itself."""

_END = re.compile(
    r"(?P<number>^[ \t>]*\d+[.)][ \t]+)"
    r"|\n+"
    r"|[。！？]+[”’」』）\"')\]]*"
    r"|[.!?](?:(?<=[^\s.!?].)|(?<=\s[.!?].)|(?<=\A[.!?].))[.!?]*+[\"'”’)\]*_]*+\s++(?=[^\sa-z])",
    re.MULTILINE,
)
"""Where a sentence or a line ends: not after the number of a step (`number`), and not within `a.b` or `e.g. this`.

A row of dots is tried once, from its first dot, or from its second if a blank precedes the first; and a possessive
quantifier (`++`) gives nothing back when what follows does not match. Without either, the dotted lines of a table of
contents would take time quadratic in their length. The first dot is matched before its context is looked at: the other
way round, looking back at every letter took twice the time.
"""

_NOT_BLANK = re.compile(r"\S")

_FIRST_WIDE = "\u2e80"
"""The character at which Unicode's scripts without blanks begin."""

WRAPPED_WORDS = 6
"""Fewest words of a line that may be a part of a longer sentence; lines of code mostly have fewer."""

_WORD = re.compile(r"[^\W_]{2,}")

_STEM = 5
"""Fewest letters of a stem. Two forms of an English word mostly share their first five letters. A stem of at least this
length is also looked for within words."""

_STEM_SHARE = 2 / 3
"""Share of a longer word that its stem has: with only five letters, `setTitleBarOverlay` would match `settings`."""


def snippet(text: str, query: LexicalQuery, *, intent: str | None = None) -> str:
    """Return the whole text if it is short, and otherwise the whole sentences that match query and intent best.

    Each stem of the query weighs the more, the fewer sentences of this text have it, so that a word that is in all of
    them does not decide. Ellipses mark what is left out before and after.
    """
    if _length(text.strip()) <= SHORTEST:
        return text.strip()
    spans = [piece for start, end in sentences(text) if text[start:end].strip() for piece in _pieces(text, start, end)]
    stems = _stems((*query.words, *query.phrases, intent or ""))
    found = [_stems_in(text[start:end].lower(), stems) for start, end in spans]
    lengths = [_length(text[start:end]) for start, end in spans]
    first, last = _filled(lengths, _best_window(lengths, found))
    start, end = spans[first][0], spans[last][1]
    return ("… " if text[:start].strip() else "") + text[start:end].strip() + (" …" if text[end:].strip() else "")


def sentences(text: str) -> list[tuple[int, int]]:
    """[start, end) of each sentence or line, including the blanks that end it; joined, they are the text."""
    found = (match for match in _END.finditer(text) if match["number"] is None)
    ends = [
        *(match.end() for match in found if match.group() != "\n" or not _is_wrapped(text, match.start())),
        len(text),
    ]
    return [(start, end) for start, end in zip([0, *ends], ends, strict=False) if start < end]


def _is_wrapped(text: str, position: int) -> bool:
    """Whether a sentence goes on after the line end at this position.

    It does if the line is long, ends with a word or a comma, and is followed by a small letter.
    """
    line = text[text.rfind("\n", 0, position) + 1 : position]
    if not (line[-1:].isalnum() or line[-1:] == ",") or len(line.split()) < WRAPPED_WORDS:
        return False
    following = _NOT_BLANK.search(text, position)
    return following is not None and following.group().islower()


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """[start, end) of the parts of one sentence: itself, unless it alone is longer than a snippet may be.

    A very long sentence (a table row, a minified file) is cut, at blanks where it has any.
    """
    longest = LONGEST // IDEOGRAPH if _length(text[start:end]) > 2 * (end - start) else LONGEST
    pieces: list[tuple[int, int]] = []
    while end - start > longest:
        blank = text.rfind(" ", start + longest // 4, start + longest // 2)
        middle = blank + 1 if blank >= 0 else start + longest // 2
        pieces.append((start, middle))
        start = middle
    return [*pieces, (start, end)]


def _best_window(lengths: Sequence[int], found: Sequence[frozenset[str]]) -> tuple[int, int]:
    """First and last sentence of the window whose distinct stems weigh most; of equal ones, the shortest.

    A window has at most `LONGEST` letters, unless it is a single sentence. `lengths` holds the length of each sentence
    in Latin letters, `found` the stems that occur in it.
    """
    counts = Counter(stem for stems in found for stem in stems)
    weights = {stem: math.log1p(len(lengths) / count) for stem, count in counts.items()}
    best, best_rank = (0, 0), (0.0, 0)
    for first in range(len(lengths)):
        seen: set[str] = set()
        weight, length = 0.0, 0
        for last in range(first, len(lengths)):
            length += lengths[last]
            if last > first and length > LONGEST:
                break
            new = found[last] - seen
            if not new:  # this window is longer than the one before and weighs the same
                continue
            seen |= new
            weight += sum(weights[stem] for stem in new)
            rank = (round(weight, 6), -length)
            if rank > best_rank:
                best, best_rank = (first, last), rank
    return best


def _filled(lengths: Sequence[int], window: tuple[int, int]) -> tuple[int, int]:
    """Extend the window by the sentences after it that fit, and by those before it only until it has `SHORTEST`."""
    first, last = window
    length = sum(lengths[first : last + 1])
    while last + 1 < len(lengths) and length + lengths[last + 1] <= LONGEST:
        last += 1
        length += lengths[last]
    while first > 0 and length < SHORTEST and length + lengths[first - 1] <= LONGEST:
        first -= 1
        length += lengths[first]
    return first, last


def _length(text: str) -> int:
    """Length of a text in Latin letters."""
    wide = 0 if text.isascii() else sum(character >= _FIRST_WIDE for character in text)
    return len(text) + (IDEOGRAPH - 1) * wide


def _stems(texts: tuple[str, ...]) -> frozenset[str]:
    """The beginnings of the words, by which their other forms are found."""
    stems: set[str] = set()
    for word in _WORD.findall(" ".join(texts).lower()):
        if word.isascii():
            stems.add(word[: max(_STEM, round(len(word) * _STEM_SHARE))])
        else:  # in a script without blanks, a word may begin anywhere: use pairs of characters
            stems.update(word[at : at + 2] for at in range(len(word) - 1))
    return frozenset(stems)


def _stems_in(text: str, stems: frozenset[str]) -> frozenset[str]:
    """Those of the stems that occur in a text, which is in lower case.

    A short stem must be at the beginning of a word: the `sync` of `async` is another word.
    """
    return frozenset(
        stem
        for stem in stems
        if stem in text
        and (len(stem) >= _STEM or not stem.isascii() or re.search(rf"(?<![^\W_]){re.escape(stem)}", text))
    )
