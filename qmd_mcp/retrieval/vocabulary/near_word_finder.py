"""Finding near words for the words of a query that no passage has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import anyio.to_thread

from qmd_mcp.domain.text.folding import folded
from qmd_mcp.domain.text.scripts import script_of
from qmd_mcp.domain.text.term_analysis import TermAnalysis
from qmd_mcp.retrieval.query.stopwords import STOP_WORDS
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.search_protocols import IndexVocabulary
from qmd_mcp.retrieval.vocabulary.near_words import NO_NEAR_WORDS, Expanded, NearWords, Replacement
from qmd_mcp.retrieval.vocabulary.nearness import (
    NEAREST,
    WITHOUT_BLANKS,
    Nearness,
    beginning_with,
    containing,
    edits,
    has_every_letter,
    inflected_spellings,
    is_likely,
    is_near_spelling,
    near_terms,
)
from qmd_mcp.tasks import concurrently

MOST_REPLACED = 10
"""Most words of a query that are replaced. Each costs a comparison with every term of the index (12 ms for 100,000
terms), and a query may have 2,000 words; one with more unknown words is in another language, or no text."""

MOST_PAIRS = 50
"""Most pairs of neighbouring words that are looked up joined: more than a question has."""

MOST_SPLIT = 3
"""Most ways to split one word that are looked for in the index, each by a look-up of a phrase."""

LONGEST_SPLIT = 20
"""Most letters of a word that is split: longer than `internationalization`, and short of a hash."""

MOST_EXPANDED = 20
"""Most words of the index that are looked up for a wildcard: the twenty most frequent have most of the passages."""

_BETWEEN_WORDS = frozenset(("a", "an", "and", "i", "of", "or", "the"))
"""Function words that are no part of a word which is also written as one; `set up` and `log in` are."""

_PIECE = re.compile(r"[^\W_]+")
_JOINED_BY = re.compile(r"[^\W\d_]+(?:[-·‑–][^\W\d_]+)+")
"""A word of parts that is also written as one, such as `e-mail`."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A word or a part of a word that no passage has as a word."""

    text: str
    term: str


class NearWordFinder:
    """Finds near words for the words that no passage has."""

    def __init__(self, vocabulary: IndexVocabulary, *, analysis: TermAnalysis) -> None:
        self._vocabulary = vocabulary
        self._analysis = analysis

    async def of(self, parsed: ParsedQuery) -> NearWords:
        """The near words of a query; if the index has all of its words, this costs one analysis."""
        words = tuple(dict.fromkeys(parsed.lexical.words))
        pieces = tuple(dict.fromkeys(piece for word in words for piece in _PIECE.findall(word)))
        joined = _joinable(parsed)
        terms = dict(zip((*pieces, *joined), await self._analysis.of_each([*pieces, *joined]), strict=True))
        frequencies = await self._vocabulary.frequencies(tuple({term for each in terms.values() for term in each}))
        expanded = await self._expanded(parsed.prefixes) if parsed.prefixes else ()
        present = {text for text, each in terms.items() if each and all(frequencies[term] for term in each)}
        apart = [(text, written) for text, written in joined.items() if text in present]
        absent = _absent(pieces, terms, frequencies)
        letters = [
            piece for piece in pieces if len(piece) == 1 and piece in present and script_of(piece) in WITHOUT_BLANKS
        ]
        if not apart and not absent and not letters:
            return NearWords((), expanded) if expanded else NO_NEAR_WORDS
        lacking = frozenset(term for term, passages in frequencies.items() if not passages)
        found = await self._joined(apart, terms, lacking=lacking)
        done = {piece for each in found for piece in _PIECE.findall(each.word)}
        found += await self._around(letters)
        found += await self._near([part for part in absent if part.text not in done][:MOST_REPLACED])
        return NearWords(_weighed(found, of=len(pieces)), expanded)

    async def _joined(
        self, apart: Sequence[tuple[str, str]], terms: Mapping[str, tuple[str, ...]], *, lacking: frozenset[str]
    ) -> list[Replacement]:
        """The words that the index has in one, of those that the query has in parts and no passage has so."""
        found: list[Replacement] = []
        for text, written in apart:
            if await self._vocabulary.passage_with(written) is None:
                parts = (term for piece in _PIECE.findall(written) for term in terms.get(piece, ()) if term in lacking)
                found.append(Replacement(written, (text,), "joined", tuple(parts), near_terms=terms[text]))
        return found

    async def _around(self, letters: Sequence[str]) -> list[Replacement]:
        """The words that have a letter of a script without blanks in them, although it is a word by itself too."""
        if not letters:
            return []
        known = await self._vocabulary.all_terms()
        longer = await anyio.to_thread.run_sync(
            lambda: {
                letter: tuple(term for term in containing(folded(letter), known) if term != folded(letter))
                for letter in letters[:MOST_REPLACED]
            }
        )
        return [Replacement(letter, words, "within") for letter, words in longer.items() if words]

    async def _near(self, parts: Sequence[_Part]) -> list[Replacement]:
        """The near words of parts that no passage has as words."""
        if not parts:
            return []
        written = await self._vocabulary.words([part.text for part in parts])
        parts = [part for part in parts if part.text not in written]
        if not parts:
            return []
        known = await self._vocabulary.all_terms()
        split = await self._split([part for part in parts if _is_alphabetic(part.text)], known)
        named = await self._vocabulary.names([part.text for part in parts])
        left = [part for part in parts if part.text not in split and part.text not in named]
        split.update(
            await anyio.to_thread.run_sync(_parts_of_names, [part for part in parts if part.text in named], known)
        )
        near = await anyio.to_thread.run_sync(
            lambda: {part: near_terms(folded(part.text), part.term, known) for part in left}
        )
        words = await concurrently(*(partial(self._words, part, near[part], known) for part in left))
        by_text = {**split, **{part.text: each for part, each in zip(left, words, strict=True) if each is not None}}
        return [by_text[part.text] for part in parts if part.text in by_text]

    async def _words(
        self, part: _Part, near: tuple[Nearness, tuple[str, ...]] | None, known: Mapping[str, int]
    ) -> Replacement | None:
        """The words that stand for near terms in texts; without any, the words around the part in the texts."""
        found = None if near is None else await self._written(part, *near)
        if found is not None:
            return found
        if script_of(part.text) in WITHOUT_BLANKS:
            if not await anyio.to_thread.run_sync(has_every_letter, part.term, known):
                return None
            around = (await self._vocabulary.places(part.text)).words
            return Replacement(part.text, around, "within", (part.term,)) if around else None
        word = folded(part.text)
        terms = tuple(await anyio.to_thread.run_sync(inflected_spellings, word, known))
        return await self._written(part, "spelling", terms)

    async def _written(self, part: _Part, kind: Nearness, terms: Sequence[str]) -> Replacement | None:
        """The words that stand for terms in texts; of a spelling, the most alike first."""
        surfaces = await concurrently(*(partial(self._vocabulary.surface, term, like=part.text) for term in terms))
        pairs = [(term, word) for term, word in zip(terms, surfaces, strict=True) if word is not None]
        if kind == "spelling":
            wanted = folded(part.text)
            distances = {
                pair: edits(folded(pair[1]), wanted) for pair in pairs if is_near_spelling(wanted, folded(pair[1]))
            }
            pairs = [pair for pair in distances if distances[pair] == min(distances.values())][:NEAREST]
        if not pairs:
            return None
        words = tuple(dict.fromkeys(word for _, word in pairs))
        return Replacement(part.text, words, kind, (part.term,), near_terms=(pairs[0][0],))

    async def _split(self, parts: Sequence[_Part], known: Mapping[str, int]) -> dict[str, Replacement]:
        """Those of the parts that some passage has as two words, such as `e-mail` for `email`."""
        ways = {
            (part.text, cut): (part.text[:cut], part.text[cut:])
            for part in parts
            if len(part.text) <= LONGEST_SPLIT
            for cut in range(1, len(part.text))
        }
        if not ways:
            return {}
        halves = tuple(dict.fromkeys(half for way in ways.values() for half in way))
        terms = dict(zip(halves, await self._analysis.of_each(halves), strict=True))
        found: dict[str, Replacement] = {}
        for part in parts:
            both = [
                (min(known[terms[first][0]], known[terms[second][0]]), first, second)
                for (text, _), (first, second) in ways.items()
                if text == part.text and _is_known(terms[first], known) and _is_known(terms[second], known)
            ]
            for _, first, second in sorted(both, reverse=True)[:MOST_SPLIT]:
                written = await self._vocabulary.passage_with(f"{first} {second}")
                if written is not None and (min(len(first), len(second)) > 1 or "-" in written):
                    halves = (*terms[first], *terms[second])
                    found[part.text] = Replacement(part.text, (written,), "joined", (part.term,), near_terms=halves)
                    break
        return found

    async def _expanded(self, beginnings: Sequence[str]) -> tuple[Expanded, ...]:
        """What each wildcard word stands for."""
        known = await self._vocabulary.all_terms()
        return tuple(await concurrently(*(partial(self._begun, each, known) for each in dict.fromkeys(beginnings))))

    async def _begun(self, beginning: str, known: Mapping[str, int]) -> Expanded:
        """The words that begin so; of a beginning with several parts, those that some passage has behind the first."""
        last = _PIECE.findall(beginning)[-1]
        before = beginning[: beginning.rindex(last)]
        stem = folded(last)
        own = tuple(term for term in await self._vocabulary.terms_of(last) if term in known)
        every = await anyio.to_thread.run_sync(lambda: beginning_with(stem, known, most=len(known), shortest=1))
        terms = tuple(dict.fromkeys((*every, *own[:1])))
        surfaces = await concurrently(
            *(partial(self._vocabulary.surface, term, like=stem) for term in terms[:MOST_EXPANDED])
        )
        words = tuple(dict.fromkeys(word for word in surfaces if word is not None and folded(word).startswith(stem)))
        if before:
            whole = tuple(f"{before}{word}" for word in words)
            written = await concurrently(*(partial(self._vocabulary.passage_with, each) for each in whole))
            words = tuple(each for each, found in zip(whole, written, strict=True) if found is not None)
        elif not words:  # a stem may be shorter than the beginning, as `run` is than `runn`
            places = await self._vocabulary.places(last)
            words = tuple(word for word in places.words if folded(word).startswith(stem))[:MOST_EXPANDED]
        return Expanded(beginning, words, count=len(terms) if len(terms) > MOST_EXPANDED and not before else len(words))


def _parts_of_names(parts: Sequence[_Part], known: Mapping[str, int]) -> dict[str, Replacement]:
    """The parts of names of code, which are found as such, with the terms of the whole names."""
    names = ((part, containing(folded(part.text), known)[:1]) for part in parts)
    return {
        part.text: Replacement(part.text, (), "name", (part.term,), near_terms=tuple(terms))
        for part, terms in names
        if terms
    }


def _weighed(found: Sequence[Replacement], *, of: int) -> tuple[Replacement, ...]:
    """The replacements; if at least half of a query's words are replaced, their near words are what it asks for.

    Otherwise the words of a script without blanks that contain one of the query's are left out: of a long question they
    are mostly others (astro-zh: nDCG@10 .840 with them, .846 without).
    """
    if 2 * len(found) >= of:
        return tuple(found)
    weighed = [
        replace(each, likely=is_likely(folded(each.word), folded(each.near[0]), each.kind)) if each.near else each
        for each in found
    ]
    return tuple(each for each in weighed if each.kind != "within" or script_of(each.word) not in WITHOUT_BLANKS)


def _joinable(parsed: ParsedQuery) -> dict[str, str]:
    """Words that the query may have in parts -> the parts as they would stand in a text.

    These are words with a hyphen and pairs of neighbouring words, unless both are function words.
    """
    found: dict[str, str] = {}
    words = [word.strip("\"'`()[]{}<>,;!?.:") for word in parsed.text.split()]
    for word in parsed.lexical.words:
        if _JOINED_BY.fullmatch(word):
            found["".join(_PIECE.findall(word))] = word
    for first, second in list(pairwise(words))[:MOST_PAIRS]:
        both = (first, second)
        if all(map(_is_alphabetic, both)) and not all(word.lower() in STOP_WORDS for word in both):
            if not _BETWEEN_WORDS.isdisjoint(map(str.lower, both)):
                continue
            found.setdefault(first + second, f"{first} {second}")
    return found


def _absent(pieces: Sequence[str], terms: Mapping[str, tuple[str, ...]], frequencies: Mapping[str, int]) -> list[_Part]:
    """The pieces that no passage has as a word; of a piece in a script without blanks, those of its words."""
    parts: dict[_Part, None] = {}
    for piece in pieces:
        lacking = [term for term in terms[piece] if not frequencies[term]]
        if len(terms[piece]) == 1 and lacking and script_of(piece) not in WITHOUT_BLANKS:
            parts[_Part(piece, lacking[0])] = None
        elif len(terms[piece]) > 1 or script_of(piece) in WITHOUT_BLANKS:
            parts.update(dict.fromkeys(_Part(term, term) for term in lacking))
    return list(parts)


def _is_known(terms: Sequence[str], known: Mapping[str, int]) -> bool:
    return len(terms) == 1 and terms[0] in known


def _is_alphabetic(word: str) -> bool:
    """Whether a word has letters only, of a script with blanks."""
    return word.isalpha() and script_of(word) not in WITHOUT_BLANKS
