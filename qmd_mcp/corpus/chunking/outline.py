"""Which headings hold in which part of a passage."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from qmd_mcp.corpus.readers.headings import Heading
from qmd_mcp.domain.documents import PassageSection

LONGEST = 8_192
"""Most characters of all headings of one passage. A passage of 220 tokens has at most 110 headings, but each comes with
those above it, which may stand elsewhere: a file that is made for it could fill the index with them. Of the passages of
five documentation folders, none has more than a fourth of this."""


class Outline:
    """The headings of a document, each with those above it."""

    def __init__(self, headings: Iterable[Heading]) -> None:
        self._sections: list[PassageSection] = []
        above: list[Heading] = []
        for heading in headings:
            above = [*(outer for outer in above if outer.level < heading.level), heading]
            names = tuple(outer.text for outer in above if outer.text)
            self._sections.append(PassageSection(heading.start, names))

    def within(self, start: int, end: int) -> tuple[PassageSection, ...]:
        """Return the headings of every part of a passage, whose positions count from its start; the first has 0.

        If the headings together are too long, each part has the innermost alone.
        """
        if not self._sections:
            return ()
        first = bisect_right(self._sections, start, key=_start)
        stop = bisect_right(self._sections, end - 1, key=_start)
        above = self._sections[first - 1].heading if first else ()
        found = [PassageSection(0, above)]
        found += (PassageSection(each.start - start, each.heading) for each in self._sections[first:stop])
        return tuple(found) if _length(found) <= LONGEST else tuple(map(_innermost, found))


def _start(section: PassageSection) -> int:
    return section.start


def _length(found: Sequence[PassageSection]) -> int:
    return sum(len(name) for section in found for name in section.heading)


def _innermost(section: PassageSection) -> PassageSection:
    return PassageSection(section.start, section.heading[-1:])
