"""Choosing the part of a passage that an answer shows."""

from __future__ import annotations

from collections.abc import Sequence

from qmd_mcp.retrieval.showing.piece import Piece
from qmd_mcp.retrieval.showing.table_headers import header_above, is_row
from qmd_mcp.retrieval.showing.text_matches import LONGEST, Sought, TextMatches, length

SHORTEST = 300
"""A text of at most this many Latin letters is shown whole, and no snippet of a longer text is shorter: a single
matching line at the end of a passage is not understood without the lines that lead to it."""


def snippet(text: str, sought: Sought, *, header: str = "") -> Piece:
    """Return the whole text if it is short, and otherwise the whole sentences that match query and intent best.

    Ellipses mark what is left out before and after. Rows of a table stand below the header of their table; `header` is
    that of the table in whose middle the text begins.
    """
    if length(text.strip()) <= SHORTEST:
        return Piece(_below(header, text.strip()), 0, len(text))
    matches = TextMatches(text, sought)
    first, last = _filled(matches.lengths, _best_window(matches))
    start, end = matches.parts[first][0], matches.parts[last][1]
    line = text.rfind("\n", 0, start) + 1
    if is_row(text[line:start]) and length(text[line:start]) <= SHORTEST:  # a cell that has a sentence of its own
        start = line
    above = header_above(text, start, first=header)
    before = "" if not text[:start].strip() else "…\n" if above else "… "
    return Piece(_below(above, before + text[start:end].strip() + (" …" if text[end:].strip() else "")), start, end)


def _below(header: str, text: str) -> str:
    return f"{header}\n{text}" if header else text


def _best_window(matches: TextMatches) -> tuple[int, int]:
    """First and last sentence of the window whose distinct finds weigh most; of equal ones, the shortest.

    A window has at most `LONGEST` letters, unless it is a single sentence.
    """
    found, weights, lengths = matches.found, matches.weights, matches.lengths
    best, best_rank = (0, 0), (0.0, 0)
    for first in range(len(lengths)):
        seen: set[str] = set()
        weight, total = 0.0, 0
        for last in range(first, len(lengths)):
            total += lengths[last]
            if last > first and total > LONGEST:
                break
            new = found[last] - seen
            if not new:  # this window is longer than the one before and weighs the same
                continue
            seen |= new
            weight += sum(weights[each] for each in new)
            rank = (round(weight, 6), -total)
            if rank > best_rank:
                best, best_rank = (first, last), rank
    return best


def _filled(lengths: Sequence[int], window: tuple[int, int]) -> tuple[int, int]:
    """Extend the window by the sentences after it that fit, and by those before it only until it has `SHORTEST`."""
    first, last = window
    total = sum(lengths[first : last + 1])
    while last + 1 < len(lengths) and total + lengths[last + 1] <= LONGEST:
        last += 1
        total += lengths[last]
    while first > 0 and total < SHORTEST and total + lengths[first - 1] <= LONGEST:
        first -= 1
        total += lengths[first]
    return first, last
