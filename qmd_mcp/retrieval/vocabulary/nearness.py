"""Which terms of an index are near to a word that it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeAlias

from rapidfuzz import process
from rapidfuzz.distance import OSA

from qmd_mcp.domain.normal_forms import normal_form
from qmd_mcp.domain.text.scripts import SYLLABIC, script_of
from qmd_mcp.retrieval.query.stopwords import STOP_WORDS

Nearness: TypeAlias = Literal["joined", "beginning", "within", "spelling", "name"]
"""How a word of the index is near: joined otherwise, by its beginning, one within the other, or by its spelling; or
the word is a part of a name of code, and need not be looked up otherwise."""

NEAREST = 3
"""Most terms that are near to one word by their beginning or their spelling: of more, each is less likely meant."""

MOST_WITHIN = 10
"""Most terms that contain a letter or a word of a script without blanks, where one letter is in many words."""

SHORTEST_BEGINNING = 3
"""Fewest letters of a word that is searched as the beginning of others: `doc`, `env`."""

SHORTEST_HANGUL = 2
"""Fewest syllables of a Korean word for the same: most Korean nouns have two."""

LONGER_TERM = 8
SHORT_TERM = 5
SHORTEST_TERM = 4
"""Fewest letters of a term that may differ by two edits, by one, and by a swap of two neighbours.

Lucene's fuzziness AUTO has 6 and 3 for the first two. Here a near word is looked up without being asked for. With 6,
400 questions about commands (tldr-en) had `sugar` looked up for `subpar` and `readable` for `reliable`; with 4,
`step` and `top` for `stop`."""

LIKELY_TERM = 6
MOST_LIKELY_TERM = 12
"""Fewest letters of a word that is likely to be meant for one which begins so or differs by one edit, and for one which
differs by two: with fewer, as many words were names and words that the index lacks as were misspelled."""

_ENDINGS = ("ings", "ing", "ed", "es", "s")
"""Endings that the stemmer removes in one word and not in its misspelling, or that double a consonant."""

MOST_INFLECTED = 10
"""Most terms whose words are compared with an inflected one; each costs a look-up of 3 ms."""

SHORTEST_SHARE = 0.4
"""The least share of a word's letters that a word of the index has which is its beginning: `repo` has .4 of
`repository`, and `config` .46 of `configuration`. `photo` has less of `photosynthesis`."""

HANGUL_SYLLABLES = 3
"""Fewest syllables of a Korean term that may differ by one letter: in two syllables one letter makes another word."""

WITHOUT_BLANKS = SYLLABIC - {"Hang"}
"""Scripts in which no blank separates words, so that one word may be cut out of another."""


def near_terms(word: str, term: str, known: Mapping[str, int]) -> tuple[Nearness, tuple[str, ...]] | None:
    """The terms of the index that are nearest to a word which it lacks, the most frequent first; None if none is near.

    Args:
        word: the word, folded.
        term: the term to which the index analyses it.
        known: the terms of the index with their frequencies.
    """
    if any(character.isdigit() for character in word):  # a number or a code that differs by a letter is another one
        return None
    kinds: tuple[tuple[Nearness, Callable[[], Iterable[str]]], ...]
    if script_of(word) in WITHOUT_BLANKS:
        kinds = (("within", lambda: containing(term, known)), ("within", lambda: contained(term, known)))
    else:
        kinds = (
            ("beginning", lambda: beginning_with(word, known)),
            ("spelling", lambda: nearest_spellings(term, known)),
            ("beginning", lambda: beginnings_of(word, known)),
        )
    for kind, find in kinds:
        found = tuple(each for each in find() if each not in STOP_WORDS)
        if found:
            return kind, found
    return None


def beginning_with(
    word: str, known: Mapping[str, int], *, most: int = NEAREST, shortest: int = SHORTEST_BEGINNING
) -> list[str]:
    """Known terms that begin with a word of at least so many letters, the most frequent first."""
    if len(word) < (min(shortest, SHORTEST_HANGUL) if script_of(word) == "Hang" else shortest):
        return []
    return _most_frequent((term for term in known if term.startswith(word)), known, most=most)


def beginnings_of(word: str, known: Mapping[str, int]) -> list[str]:
    """The longest known term that a word begins with, if it has enough of the word's letters."""
    least = max(SHORTEST_BEGINNING + 1, round(SHORTEST_SHARE * len(word)))
    lengths = range(len(word) - 1, least - 1, -1)
    return [word[:length] for length in lengths if word[:length] in known][:1]


def containing(term: str, known: Mapping[str, int]) -> list[str]:
    """Known terms of which a term is a part, the most frequent first."""
    return _most_frequent((each for each in known if term in each), known, most=MOST_WITHIN)


def has_every_letter(term: str, known: Mapping[str, int]) -> bool:
    """Whether each letter is in some known term: if not, no text has them, since every letter of a text is in one."""
    return all(any(letter in each for each in known) for letter in term)


def contained(term: str, known: Mapping[str, int]) -> list[str]:
    """Known terms of two letters or more that are parts of a term, the longest first, none within another."""
    parts: list[str] = []
    for length in range(len(term) - 1, 1, -1):
        for start in range(len(term) - length + 1):
            part = term[start : start + length]
            if part in known and not any(part in longer for longer in parts):
                parts.append(part)
    return parts[:NEAREST]


def nearest_spellings(term: str, known: Mapping[str, int]) -> list[str]:
    """Known terms within one edit of a short term and within two of a longer one: the nearest, most frequent first.

    An edit is an insertion, a deletion, a substitution or a swap of neighbours (optimal string alignment): one such
    error makes four in five misspellings (Damerau, CACM 1964). Two edits count only behind the same first letter, which
    is seldom mistyped (Pollock and Zamora, CACM 1984), and in Korean a letter is one of those that make a syllable.
    """
    hangul = script_of(term) == "Hang"
    swaps = not hangul and len(term) < SHORT_TERM
    most = int(len(term) >= HANGUL_SYLLABLES) if hangul else (len(term) >= SHORTEST_TERM) + (len(term) >= LONGER_TERM)
    if not most:
        return []
    found = process.extract(
        term,
        known.keys(),
        scorer=OSA.distance,
        processor=_letters if hangul else None,
        score_cutoff=most,
        limit=None,
    )
    near = [
        (distance, each)
        for each, distance, _ in found
        if (distance <= 1 or each[0] == term[0]) and (not swaps or sorted(each) == sorted(term))
    ]
    nearest = min((distance for distance, _ in near), default=0)
    return _most_frequent((each for distance, each in near if distance == nearest), known, most=NEAREST)


def inflected_spellings(word: str, known: Mapping[str, int]) -> list[str]:
    """Known terms that may be near to an inflected English word of at least `LIKELY_TERM` letters, most frequent first.

    The stem of a misspelled word may be far from that of the right one: `moring` has the stem `more`, and `mooring` the
    stem `moor`. The caller has to compare the words themselves.
    """
    ending = next((each for each in _ENDINGS if word.endswith(each)), None)
    if ending is None or len(word) < LIKELY_TERM:
        return []
    base = word[: -len(ending)]
    bases = {base, base[:-1] if base[-1:] == base[-2:-1] else base}
    near = (each for each in known if each.isascii() and any(_is_one_edit(each, known_as) for known_as in bases))
    return _most_frequent(near, known, most=MOST_INFLECTED)


def is_near_spelling(word: str, other: str) -> bool:
    """Whether two words differ by as many edits as their length allows."""
    return edits(word, other) <= 1 + (min(len(word), len(other)) >= LONGER_TERM)


def is_likely(word: str, other: str, kind: Nearness) -> bool:
    """Whether a near word is so near to a folded word that the same is most likely meant."""
    if kind == "beginning":
        return min(len(word), len(other)) >= LIKELY_TERM
    same = edits(word, other) <= (len(word) >= LIKELY_TERM) + (len(word) >= MOST_LIKELY_TERM)
    return kind != "spelling" or (same and word[0] == other[0])


def edits(word: str, other: str) -> int:
    """How many edits make one word of another."""
    return int(OSA.distance(word, other))


def _is_one_edit(term: str, other: str) -> bool:
    return abs(len(term) - len(other)) <= 1 and bool(OSA.distance(term, other, score_cutoff=1) <= 1)


def _most_frequent(terms: Iterable[str], known: Mapping[str, int], *, most: int) -> list[str]:
    return sorted(terms, key=lambda term: (-known[term], term))[:most]


def _letters(term: str) -> str:
    """The letters of which Korean syllables are made."""
    return normal_form("NFD", term)
