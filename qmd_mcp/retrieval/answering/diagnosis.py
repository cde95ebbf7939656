"""Why a lexical query found nothing, or not what it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import anyio.to_thread
from rapidfuzz import process
from rapidfuzz.distance import OSA

from qmd_mcp.domain.documents import Passage
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.query.term_occurrences import Term
from qmd_mcp.retrieval.search_protocols import IndexVocabulary

NEAREST = 3
"""Spellings offered for one term."""

MOST_NAMED = 3
"""Missing words named beside hits: a question in another language misses nearly all of its words."""

_NAME_SIGNS = frozenset("_./:@#+")

SHORTEST_TERM = 3
LONGER_TERM = 6
"""Letters from which a term has near spellings at all, and from which two edits still leave most of it: Lucene's AUTO.
With 5, `five` was offered for `drive`."""


class Diagnosis:
    """Sentences that say what to change in a query."""

    def __init__(self, vocabulary: IndexVocabulary) -> None:
        self._vocabulary = vocabulary

    async def of_nothing(self, parsed: ParsedQuery, *, collections: Sequence[str]) -> list[str]:
        """Why nothing was found at all."""
        words = dict.fromkeys(
            (*parsed.lexical.words, *(w for phrase in parsed.lexical.phrases for w in phrase.split()))
        )
        terms = {word: tuple(dict.fromkeys(await self._vocabulary.terms_of(word))) for word in words}
        frequencies = await self._vocabulary.frequencies(tuple({term for each in terms.values() for term in each}))
        notes: list[str] = []
        present: list[str] = []
        known = await self._vocabulary.all_terms() if not all(frequencies.values()) else {}
        for word, parts in terms.items():
            missing = [term for term in parts if not frequencies[term]]
            if missing:
                near = await self._nearest(missing, known=known, limit=NEAREST)
                hint = f"; nearest in the index: {', '.join(near)}" if near else ""
                notes.append(f"{_shown(word, parts, missing)} occurs nowhere in the index{hint}.")
            elif parts:
                present.append(f"{word!r} in {min(frequencies[term] for term in parts)}")
        if present and (collections or parsed.paths or parsed.titles or parsed.lexical.negatives):
            found = ", ".join(present)
            notes.append(f"The index has passages with {found}, but none within {_limits(parsed, collections)}.")
        if not any(terms.values()):
            notes.append("The query has no letter or digit to look for.")
        return notes

    async def of_missing(self, parsed: ParsedQuery, terms: Sequence[Term]) -> list[str]:
        """Which words no passage has, beside hits that were found by the others or by meaning."""
        absent = {term.text for term in terms if not term.passages}
        if not absent:
            return []
        known = await self._vocabulary.terms_at_hand()  # a hint beside hits is not worth reading a large table
        named: list[str] = []
        for word in dict.fromkeys(parsed.lexical.words):
            parts = await self._vocabulary.terms_of(word)
            missing = [term for term in parts if term in absent]
            if missing and len(named) < MOST_NAMED:
                near = await self._nearest(missing, known=known, limit=1)
                named.append(_shown(word, parts, missing) + (f" (nearest: {near[0]})" if near else ""))
        return [f"Nowhere in the index: {', '.join(named)}."] if named else []

    async def _nearest(self, missing: Sequence[str], *, known: Mapping[str, int], limit: int) -> list[str]:
        """Words of the index that are spelled like missing terms."""
        nearest = await anyio.to_thread.run_sync(
            lambda: [term for each in missing for term in nearest_spellings(each, known)][:limit]
        )
        return list(dict.fromkeys([await self._vocabulary.surface(term) for term in nearest]))

    def of_names(self, parsed: ParsedQuery, hits: Sequence[Passage]) -> list[str]:
        """Which names of the query no hit has as written: then only their parts matched."""
        texts = [passage.embedded_text.lower() for passage in hits]
        names = [word for word in parsed.lexical.words if _is_name(word)]
        return [
            f"No hit has {name!r} as written; these match parts of it."
            for name in names
            if not any(name.lower() in text for text in texts)
        ]


def nearest_spellings(term: str, known: Mapping[str, int]) -> list[str]:
    """Known terms within one edit of a short term and two of a longer one, nearest and most frequent first.

    Edits are insertions, deletions, substitutions and swaps of neighbours (optimal string alignment), the errors of
    which four in five misspellings are one (Damerau, CACM 1964).
    """
    if len(term) < SHORTEST_TERM or not term.isascii():  # one edit makes any word of two letters another
        return []
    edits = 1 if len(term) < LONGER_TERM else 2
    found = process.extract(term, known.keys(), scorer=OSA.distance, score_cutoff=edits, limit=50)
    ranked = sorted(found, key=lambda match: (match[1], -known[match[0]], match[0]))
    return [match[0] for match in ranked[:NEAREST]]


def _shown(word: str, parts: Sequence[str], missing: Sequence[str]) -> str:
    """The word, or what of it is missing: a Chinese question is one word between blanks."""
    return repr(word) if len(missing) == len(parts) else ", ".join(map(repr, missing))


def _is_name(word: str) -> bool:
    inner = word[1:-1]
    camel = any(a.islower() and b.isupper() for a, b in pairwise(word))
    return camel or any(sign in inner for sign in _NAME_SIGNS)


def _limits(parsed: ParsedQuery, collections: Sequence[str]) -> str:
    parts = [f"collection {', '.join(collections)}"] if collections else []
    parts += [f"path:{path}" for path in parsed.paths]
    parts += [f"title:{title}" for title in parsed.titles]
    parts += [f"-{negative}" for negative in parsed.lexical.negatives]
    return " and ".join(parts)
