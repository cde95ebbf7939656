"""Explaining why a lexical query found nothing, or not what it names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import anyio.to_thread
from rapidfuzz import process
from rapidfuzz.distance import OSA

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.term_analysis import TermAnalysis
from qmd_mcp.retrieval.query.filters import shown_filters
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.query.term_occurrences import Term
from qmd_mcp.retrieval.search_protocols import IndexVocabulary
from qmd_mcp.tasks import task_group

NEAREST = 3
"""Most spellings that are offered for one word."""

MOST_PARTS = 3
"""Most missing terms of one word that are named and for which near spellings are looked for; the others are counted. A
Chinese question is one word between blanks, and may have a hundred terms."""

MOST_EXPLAINED = 10
"""Most words that are named in an answer without hits; the others are counted. Each costs a sentence of about 20 tokens
and a comparison with every term of the index (20 ms for 170,000 terms), and a query may have 2,000 words. The first ten
show what is wrong with the query, in fewer tokens than two snippets."""

MOST_NAMED = 3
"""Most missing words that are named beside hits: of a question in another language nearly all words are missing."""

_NAME_SIGNS = frozenset("_./:@#+")

SHORTEST_TERM = 3
LONGER_TERM = 6
"""Fewest letters of a term that has near spellings at all, and of one that may differ by two edits: the thresholds of
Lucene's fuzziness AUTO. With 5 in place of 6, `five` was offered for `drive`."""


@dataclass(frozen=True, slots=True)
class _Missing:
    """A word of the query that has at least one term which no passage has."""

    word: str
    absent: tuple[str, ...]
    """The terms of the word that no passage has."""
    whole: bool
    """Whether no passage has any term of the word."""

    @property
    def shown(self) -> str:
        """The word; if some of its terms are indexed, as with most Chinese questions, only the terms that are not."""
        if self.whole:
            return repr(self.word)
        return _listed([*map(repr, self.absent)], most=MOST_PARTS, others="{} more part{} of one word")

    @property
    def sentence(self) -> str:
        """Says that it is missing."""
        verb = "occurs" if self.whole or len(self.absent) == 1 else "occur"
        return f"{self.shown} {verb} nowhere in the index"

    def nearest(self, known: Mapping[str, int]) -> list[str]:
        """Known terms that are spelled like its absent ones."""
        return [term for absent in self.absent[:MOST_PARTS] for term in nearest_spellings(absent, known)]


class Diagnosis:
    """Makes the sentences that say what to change in a query."""

    def __init__(self, vocabulary: IndexVocabulary, *, analysis: TermAnalysis) -> None:
        self._vocabulary = vocabulary
        self._analysis = analysis

    async def of_nothing(self, parsed: ParsedQuery, *, collections: Sequence[str]) -> list[str]:
        """Explain an answer without hits: which words the index lacks, and what limits the search to no passage."""
        phrased = (word for phrase in parsed.lexical.phrases for word in phrase.split())
        words = tuple(dict.fromkeys((*parsed.lexical.words, *phrased)))
        terms = await self._analysis.of_each(words)
        frequencies = await self._vocabulary.frequencies(tuple({term for each in terms for term in each}))
        missing = _missing(words, terms, absent={term for term, passages in frequencies.items() if not passages})
        named = missing[:MOST_EXPLAINED]
        known = await self._vocabulary.all_terms() if named else {}
        notes: list[str] = []
        for each, near in zip(named, await self._spellings(named, known=known, most=NEAREST), strict=True):
            hint = f"; nearest in the index: {', '.join(near)}" if near else ""
            notes.append(f"{each.sentence}{hint}.")
        if len(missing) > len(named):
            notes.append(f"The index also lacks {_others(len(missing) - len(named))}.")
        present = [
            f"{word!r} in {min(frequencies[term] for term in each)}"
            for word, each in zip(words, terms, strict=True)
            if each and all(frequencies[term] for term in each)
        ]
        if present and limits_of(parsed, collections):
            found = _listed(present, most=MOST_EXPLAINED, others="{} more word{}")
            notes.append(f"The index has passages with {found}, but none within {limits_of(parsed, collections)}.")
        if not any(terms):
            notes.append("The query has no letter or digit to look for.")
        return notes

    async def of_missing(self, parsed: ParsedQuery, terms: Sequence[Term]) -> list[str]:
        """Name the words that no passage has, beside hits that were found by other words or by meaning."""
        absent = {term.text for term in terms if not term.passages}
        if not absent:
            return []
        words = tuple(dict.fromkeys(parsed.lexical.words))
        missing = _missing(words, await self._analysis.of_each(words), absent=absent)
        if not missing:
            return []
        known = await self._vocabulary.terms_at_hand()  # a hint beside hits is not worth reading a large table
        named = missing[:MOST_NAMED]
        shown = [
            each.shown + (f" (nearest: {near[0]})" if near else "")
            for each, near in zip(named, await self._spellings(named, known=known, most=1), strict=True)
        ]
        others = f" and {_others(len(missing) - len(named))}" if len(missing) > len(named) else ""
        return [f"Nowhere in the index: {', '.join(shown)}{others}."]

    async def _spellings(
        self, missing: Sequence[_Missing], *, known: Mapping[str, int], most: int
    ) -> list[tuple[str, ...]]:
        """For each missing word, the words of the index that are spelled like it."""
        nearest = await anyio.to_thread.run_sync(lambda: [each.nearest(known)[:most] for each in missing])
        surfaces: dict[str, str] = {}

        async def look_up(term: str) -> None:
            surfaces[term] = await self._vocabulary.surface(term)

        async with task_group() as group:
            for term in {term for terms in nearest for term in terms}:
                group.start_soon(look_up, term)
        return [tuple(dict.fromkeys(surfaces[term] for term in terms)) for terms in nearest]

    def of_names(self, parsed: ParsedQuery, hits: Sequence[Passage]) -> list[str]:
        """Say which names of the query no hit contains as written, so that only parts of them matched."""
        texts = [passage.embedded_text.lower() for passage in hits]
        names = [word for word in parsed.lexical.words if _is_name(word)]
        unseen = [name for name in names if not any(name.lower() in text for text in texts)]
        notes = [f"No hit has {name!r} as written; these match parts of it." for name in unseen[:MOST_EXPLAINED]]
        if len(unseen) > len(notes):
            others = len(unseen) - len(notes)
            notes.append(f"No hit has {others} more name{_plural(others)} of the query as written.")
        return notes


def nearest_spellings(term: str, known: Mapping[str, int]) -> list[str]:
    """Known terms within one edit of a short term and within two of a longer one, nearest and most frequent first.

    An edit is an insertion, a deletion, a substitution or a swap of neighbours (optimal string alignment): one such
    error makes four in five misspellings (Damerau, CACM 1964).
    """
    if len(term) < SHORTEST_TERM or not term.isascii():  # one edit makes any word of two letters another
        return []
    edits = 1 if len(term) < LONGER_TERM else 2
    found = process.extract(term, known.keys(), scorer=OSA.distance, score_cutoff=edits, limit=50)
    ranked = sorted(found, key=lambda match: (match[1], -known[match[0]], match[0]))
    return [match[0] for match in ranked[:NEAREST]]


def _missing(words: Sequence[str], terms: Sequence[Sequence[str]], *, absent: Collection[str]) -> list[_Missing]:
    """The words that have at least one absent term, in the query's order."""
    missing: list[_Missing] = []
    for word, each in zip(words, terms, strict=True):
        distinct = tuple(dict.fromkeys(each))
        lacking = tuple(term for term in distinct if term in absent)
        if lacking:
            missing.append(_Missing(word, lacking, whole=lacking == distinct))
    return missing


def _listed(names: Sequence[str], *, most: int, others: str) -> str:
    """The first names in a row; `others` is formatted with the number of the others and the ending of its plural."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {others.format(more, _plural(more))}" if more > 0 else "")


def _others(count: int) -> str:
    return f"all or a part of {count} more word{_plural(count)} of the query"


def _plural(count: int) -> str:
    return "" if count == 1 else "s"


def _is_name(word: str) -> bool:
    """Whether a word looks like a name of code: with a sign inside, or a capital behind a small letter."""
    camel = any(a.islower() and b.isupper() for a, b in pairwise(word))
    return camel or any(sign in word[1:-1] for sign in _NAME_SIGNS)


def limits_of(parsed: ParsedQuery, collections: Sequence[str]) -> str:
    """What the query and the caller limit the search to, in words; empty if nothing does."""
    parts = [f"collection {', '.join(collections)}"] if collections else []
    parts += shown_filters(parsed.filters)
    parts += [f"-{negative}" for negative in parsed.lexical.negatives]
    return " and ".join(parts)
