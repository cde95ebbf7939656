"""The part of a passage that is shown."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from qmd_mcp.domain.lookup import LexicalQuery

LONGEST = 600
"""Latin letters: about 150 tokens, so that ten hits stay below 2,000 tokens of an agent's context."""

SHORTEST = 300
"""Latin letters up to which a text is shown whole, and which a snippet has where the text does: one matching line at
the end of a passage needs what it follows from."""

IDEOGRAPH = 4
"""Latin letters that one of a script without blanks counts for: it is a token by itself."""

_END = re.compile(
    r"(?P<number>^[ \t>]*\d+[.)][ \t]+)"
    r"|\n+"
    r"|[。！？]+[”’」』）\"')\]]*"
    r"|(?<=\S)[.!?]+[\"'”’)\]*_]*\s+(?=[^\sa-z])",
    re.MULTILINE,
)
"""Where a sentence or a line ends: neither behind the number of a step, nor within `a.b` and `e.g. this`."""

_FIRST_WIDE = "\u2e80"
"""From here on Unicode has scripts without blanks."""

WRAPPED_WORDS = 6
"""Of a line that may be a part of a sentence; lines of code have fewer."""

_WORD = re.compile(r"[^\W_]{2,}")

_STEM = 5
"""Letters that two forms of an English word share, mostly, and from which a stem is looked for within words too."""

_STEM_SHARE = 2 / 3
"""Of a longer word: the first five letters of `setTitleBarOverlay` are those of `settings`."""


def snippet(text: str, query: LexicalQuery, *, intent: str | None = None) -> str:
    """The whole text if it is short, else whole sentences from the first that matches query and intent best.

    Stems count by how few sentences of this text have them: a word of all of them chooses none.
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
    """Sentences and lines with their ends, [start, end); together they are the text."""
    found = (match for match in _END.finditer(text) if match["number"] is None)
    ends = [
        *(match.end() for match in found if match.group() != "\n" or not _is_wrapped(text, match.start())),
        len(text),
    ]
    return [(start, end) for start, end in zip([0, *ends], ends, strict=False) if start < end]


def _is_wrapped(text: str, position: int) -> bool:
    """Whether a sentence goes on behind a line's end: a long line of words before it, a small letter behind it."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    first = text[position:].lstrip()[:1]
    return first.islower() and (line[-1:].isalnum() or line[-1:] == ",") and len(line.split()) >= WRAPPED_WORDS


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A sentence, or an endless one (a table row, a minified file) in pieces that end at blanks where it has any."""
    longest = LONGEST // IDEOGRAPH if _length(text[start:end]) > 2 * (end - start) else LONGEST
    pieces: list[tuple[int, int]] = []
    while end - start > longest:
        blank = text.rfind(" ", start + longest // 4, start + longest // 2)
        middle = blank + 1 if blank >= 0 else start + longest // 2
        pieces.append((start, middle))
        start = middle
    return [*pieces, (start, end)]


def _best_window(lengths: Sequence[int], found: Sequence[frozenset[str]]) -> tuple[int, int]:
    """First and last sentence of the shortest window within the limit whose distinct stems weigh most."""
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
            if not new:  # longer for nothing
                continue
            seen |= new
            weight += sum(weights[stem] for stem in new)
            rank = (round(weight, 6), -length)
            if rank > best_rank:
                best, best_rank = (first, last), rank
    return best


def _filled(lengths: Sequence[int], window: tuple[int, int]) -> tuple[int, int]:
    """The window and as many sentences behind it as fit; before it only what a short one needs."""
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
    """In Latin letters."""
    wide = 0 if text.isascii() else sum(character >= _FIRST_WIDE for character in text)
    return len(text) + (IDEOGRAPH - 1) * wide


def _stems(said: tuple[str, ...]) -> frozenset[str]:
    """What the words begin with."""
    stems: set[str] = set()
    for word in _WORD.findall(" ".join(said).lower()):
        if word.isascii():
            stems.add(word[: max(_STEM, round(len(word) * _STEM_SHARE))])
        else:  # scripts without blanks: pairs of letters
            stems.update(word[at : at + 2] for at in range(len(word) - 1))
    return frozenset(stems)


def _stems_in(text: str, stems: frozenset[str]) -> frozenset[str]:
    """Those of a text in lower case; a short one only where a word begins: the `sync` of `async` is another word."""
    return frozenset(
        stem
        for stem in stems
        if stem in text
        and (len(stem) >= _STEM or not stem.isascii() or re.search(rf"(?<![^\W_]){re.escape(stem)}", text))
    )
