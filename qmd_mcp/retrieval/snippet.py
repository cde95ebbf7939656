"""The part of a passage that is shown."""

from __future__ import annotations

import re

from qmd_mcp.lookup import LexicalQuery

LONGEST = 600
"""Characters: about 150 tokens, so that ten hits stay below 2,000 tokens of an agent's context."""

_UNIT = re.compile(r"[^\n。！？.!?]*(?:[。！？]+|[.!?]+(?=\s|$)|\n+|$)")
"""A sentence or a line with its end."""

_WORD = re.compile(r"[^\W_]{2,}")
_STEM = 5
"""Letters that two forms of an English word share, mostly: enough to choose a sentence by."""


def snippet(text: str, query: LexicalQuery, *, intent: str | None = None) -> str:
    """The whole text if it is short, else the run of whole sentences that says most about query and intent."""
    if len(text) <= LONGEST:
        return text.strip()
    spans = [piece for match in _UNIT.finditer(text) if match.group().strip() for piece in _pieces(text, *match.span())]
    stems = _stems((*query.words, *query.phrases, intent or ""))
    found = [_stems_in(text[start:end], stems) for start, end in spans]
    start, end = _best_window(spans, found)
    cut = text[start:end].strip()
    return ("… " if text[:start].strip() else "") + cut + (" …" if text[end:].strip() else "")


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A sentence, or an endless one (a table row, a minified file) in pieces that end at blanks where it has any."""
    pieces: list[tuple[int, int]] = []
    while end - start > LONGEST:
        blank = text.rfind(" ", start + LONGEST // 4, start + LONGEST // 2)
        middle = blank + 1 if blank >= 0 else start + LONGEST // 2
        pieces.append((start, middle))
        start = middle
    return [*pieces, (start, end)]


def _best_window(spans: list[tuple[int, int]], found: list[frozenset[str]]) -> tuple[int, int]:
    """The shortest window within the limit with most distinct stems, grown forwards and then backwards."""
    best, best_rank = spans[0], (-1, 0)
    for first, (start, _) in enumerate(spans):
        seen: set[str] = set()
        for last in range(first, len(spans)):
            end = spans[last][1]
            if last > first and end - start > LONGEST:
                break
            seen |= found[last]
            rank = (len(seen), start - end)
            if rank[0] > best_rank[0] or (rank[0] == best_rank[0] > 0 and rank > best_rank):
                best, best_rank = (start, end), rank
    for start, end in (*spans, *reversed(spans)):
        if start >= best[1] and end - best[0] <= LONGEST:
            best = (best[0], end)
        elif end <= best[0] and best[1] - start <= LONGEST and best[1] == spans[-1][1]:
            best = (start, best[1])
    return best


def _stems(said: tuple[str, ...]) -> frozenset[str]:
    words = _WORD.findall(" ".join(said).lower())
    stems: set[str] = set()
    for word in words:
        if word.isascii():
            stems.add(word[:_STEM])
        else:  # scripts without blanks: pairs of letters
            stems.update(word[at : at + 2] for at in range(len(word) - 1))
    return frozenset(stems)


def _stems_in(text: str, stems: frozenset[str]) -> frozenset[str]:
    folded = text.lower()
    return frozenset(stem for stem in stems if stem in folded)
