"""Explaining why a lexical query found nothing, or not what it names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.text.folding import folded
from qmd_mcp.domain.text.searched_text import SearchedText
from qmd_mcp.domain.text.term_analysis import TermAnalysis
from qmd_mcp.retrieval.answering.absence import Absences, within_others
from qmd_mcp.retrieval.query.filters import shown_filters
from qmd_mcp.retrieval.query.operators import quoted
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.query.term_occurrences import Term
from qmd_mcp.retrieval.search_protocols import IndexVocabulary
from qmd_mcp.retrieval.vocabulary.near_words import NO_NEAR_WORDS, NearWords

MOST_PARTS = 3
"""Most missing terms of one word that are named and looked for in the texts; the others are counted. A Chinese question
is one word between blanks, and may have a hundred terms."""

MOST_EXPLAINED = 10
"""Most words that are named in an answer without hits; the others are counted. Each costs a sentence of about 20 tokens
and a search through all texts, and a query may have 2,000 words. The first ten show what is wrong with the query, in
fewer tokens than two snippets."""

MOST_NAMED = 3
"""Most missing words that are named beside hits: of a question in another language nearly all words are missing."""

_NAME_SIGNS = frozenset("_./:@#+")


@dataclass(frozen=True, slots=True)
class _Missing:
    """A word of the query that has at least one term which no passage has."""

    word: str
    absent: tuple[str, ...]
    """The terms of the word that no passage has."""
    whole: bool
    """Whether no passage has any term of the word."""

    @property
    def parts(self) -> tuple[str, ...]:
        """What is named: the word, or if some of its terms are indexed, the first of those that are not."""
        return (self.word,) if self.whole else self.absent[:MOST_PARTS]

    @property
    def unnamed(self) -> int:
        """How many of its terms are not named."""
        return 0 if self.whole else max(len(self.absent) - MOST_PARTS, 0)


class Diagnosis:
    """Makes the sentences that say what to change in a query."""

    def __init__(self, vocabulary: IndexVocabulary, *, analysis: TermAnalysis) -> None:
        self._vocabulary = vocabulary
        self._analysis = analysis
        self._absences = Absences(vocabulary)

    async def of_nothing(
        self, parsed: ParsedQuery, *, collections: Sequence[str], near: NearWords = NO_NEAR_WORDS
    ) -> list[str]:
        """Explain an answer without hits: which words the index lacks, and what limits the search to no passage."""
        phrased = (word for phrase in parsed.lexical.phrases for word in phrase.split())
        replaced = {each.word for each in near.replaced}
        words = tuple(dict.fromkeys((*parsed.lexical.words, *phrased, *near.words)))
        words = tuple(word for word in words if word not in replaced)
        terms = await self._analysis.of_each(words)
        frequencies = await self._vocabulary.frequencies(tuple({term for each in terms for term in each}))
        absent = {term for term, passages in frequencies.items() if not passages} - near.terms_replaced()
        missing = _missing(words, terms, absent=absent)
        missing += [_Missing(word, (), whole=True) for word, each in zip(words, terms, strict=True) if not each]
        notes = await self._of_absent(missing, most=MOST_EXPLAINED)
        present = [
            f"{word!r} in {min(frequencies[term] for term in each)}"
            for word, each in zip(words, terms, strict=True)
            if each and all(frequencies[term] for term in each)
        ]
        if present and limits_of(parsed, collections):
            found = _listed(present, most=MOST_EXPLAINED, others="{} more word{}")
            notes.append(f"The index has passages with {found}, but none within {limits_of(parsed, collections)}.")
        return notes

    async def of_missing(
        self, parsed: ParsedQuery, terms: Sequence[Term], *, near: NearWords = NO_NEAR_WORDS
    ) -> list[str]:
        """Name the words that no passage has, beside hits that were found by other words or by meaning."""
        absent = {term.text for term in terms if not term.passages} - near.terms_replaced()
        if not absent:
            return []
        replaced = {each.word for each in near.replaced}
        words = tuple(dict.fromkeys(word for word in parsed.lexical.words if word not in replaced))
        missing = _missing(words, await self._analysis.of_each(words), absent=absent)
        return await self._of_absent(missing, most=MOST_NAMED)

    async def of_phrases(self, parsed: ParsedQuery, *, collections: Sequence[str]) -> list[str]:
        """Say that the phrases are not in the index as such, and these hits have their words or are near in meaning.

        The index was asked for the phrases by their words. Before the answer says that no passage has them, the texts
        are searched for their letters too, since a phrase may begin or end in the middle of a word.
        """
        negatives = parsed.lexical.negatives
        limits = limits_of(replace(parsed, lexical=replace(parsed.lexical, negatives=())), collections)
        places = await self._absences.places(parsed.lexical.phrases)
        cut = any(found.passages for found in places.values())
        if cut and len(parsed.lexical.phrases) == 1 and not limits and not negatives:
            (phrase,), (found,) = parsed.lexical.phrases, places.values()
            return [f'"{phrase}" begins or ends within a word in {found.passages} of the passages.']
        within = f" within {limits}" if limits else ""
        without = f" without {' and '.join(negatives)}" if negatives else ""
        words = " as whole words" if cut or len(places) < len(parsed.lexical.phrases) else ""
        together = " together" if len(parsed.lexical.phrases) > 1 else ""
        phrases = quoted(parsed.lexical.phrases)
        return [f"No passage{within}{without} has {phrases}{together}{words}; these are nearest in words and meaning."]

    async def _of_absent(self, missing: Sequence[_Missing], *, most: int) -> list[str]:
        """Which of the words are nowhere in the index, and which stand only within other words.

        Terms are not all that a text has: a word may stand within another, and a string may be cut out of words of a
        script without blanks. So the texts themselves are searched before an answer says that something is nowhere.
        """
        parts = [part for each in missing[:most] for part in each.parts]
        written = await self._vocabulary.words(parts) | await self._vocabulary.names(parts)
        missing = [each for each in missing if written.isdisjoint(each.parts)]
        named = missing[:most]
        places = await self._absences.places([part for each in named for part in each.parts])
        nowhere = [part for part, found in places.items() if not found.passages]
        notes = [f"Nowhere in the index: {', '.join(map(repr, nowhere))}."] if nowhere else []
        notes += within_others(places)
        others = len(missing) - len(named) + sum(each.unnamed for each in named)
        if others:
            words = "is not an indexed word" if others == 1 else "are not indexed words"
            notes.append(f"{others} more word{_plural(others)} or part{_plural(others)} of words of the query {words}.")
        return notes

    def of_names(self, parsed: ParsedQuery, hits: Sequence[Passage]) -> list[str]:
        """Say which names of the query no hit contains as written, so that only parts of them matched."""
        texts = [
            folded(f"{passage.embedded_text}\n{passage.path}\n{SearchedText.of(passage).joined()}") for passage in hits
        ]
        names = [word for word in parsed.lexical.words if _is_name(word)]
        unseen = [name for name in names if not any(folded(name) in text for text in texts)]
        notes = [f"No hit has {name!r} as written; these match parts of it." for name in unseen[:MOST_EXPLAINED]]
        if len(unseen) > len(notes):
            others = len(unseen) - len(notes)
            notes.append(f"No hit has {others} more name{_plural(others)} of the query as written.")
        return notes


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
