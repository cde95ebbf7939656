"""The terms of an index: what a text is analysed to, how frequent each term is, and in which words it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from rapidfuzz.distance import OSA

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import WHOLE_INDEX, LexicalQuery, Places, Scope
from qmd_mcp.domain.text.folding import folded
from qmd_mcp.domain.text.scripts import SYLLABIC, script_of
from qmd_mcp.domain.text.term_analysis import TermAnalysis
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.passage_text import PassageText
from qmd_mcp.store.tables.selected_passages import SelectedPassages

_WORD = re.compile(r"[^\W_]+")
_BETWEEN = r"[-‐‑–\s]"
"""What stands between the two parts of a word that is also written as one."""

_STEM = 3
"""Letters at the beginning that a word and its stem have in common at least."""

_LOOKED_AT = 5
"""Passages in which the words of a term or the places of a string are looked for; the first nearly always has one."""

_AROUND = 2
"""Letters before and after a string that are shown of a script without blanks: most of its words have two letters."""


class TermCounts(Protocol):
    """In how many passages each term occurs."""

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        """The number of passages in which each of these terms occurs."""
        ...

    async def all(self) -> Mapping[str, int]:
        """The frequency of every term."""
        ...


class StoredVocabulary:
    """Answers what retrieval asks about terms, from the index of the passages and the counts of their terms."""

    def __init__(self, *, passages: PassageTable, terms: TermCounts, scope: Scope = WHOLE_INDEX) -> None:
        """`scope` names the passages that exist for whoever asks; the terms must be counted in these alone."""
        self._passages = passages
        self._text = PassageText(passages, scope=scope)
        self._terms = terms
        self._scope = scope
        self._analysis = TermAnalysis(passages.terms_of)

    async def terms_of(self, text: str) -> Sequence[str]:
        """The terms to which a text is analysed, in their order."""
        return await self._passages.terms_of(text)

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        """The number of passages in which each term occurs."""
        return await self._terms.frequencies(terms)

    async def passages(self) -> int:
        """The number of passages in the index."""
        if self._scope == WHOLE_INDEX:
            return await self._passages.count()
        return await SelectedPassages(self._passages).count(self._scope)

    async def all_terms(self) -> Mapping[str, int]:
        """The frequency of every term."""
        return await self._terms.all()

    async def names(self, words: Sequence[str]) -> frozenset[str]:
        """Those of the words that are a name of code or a part of one in some passage."""
        return await self._text.names(words)

    async def words(self, words: Sequence[str]) -> frozenset[str]:
        """Those of the words that some passage has as a word, also one that was written a moment ago."""
        return await self._text.words(words)

    async def surface(self, term: str, *, like: str) -> str | None:
        """A word of the index that is analysed to this term, of several the one most like another word.

        None if no such word is found. Korean terms and those of scripts without blanks are words as they are.
        """
        if script_of(term) in SYLLABIC:
            return term
        found = _of_term(term, await self._lexical(LexicalQuery((term,))))
        word = await self._most_alike(like, term, found)
        if word is None:  # the index analyses the term to another one, as `accident` to `accid`
            found = _of_term(term, await self._text.some_with(_stem(term), limit=_LOOKED_AT))
            word = await self._most_alike(like, term, found)
        return word

    async def _most_alike(self, like: str, term: str, words: Sequence[str]) -> str | None:
        analysed = zip(words, await self._analysis.of_each(words), strict=True)
        same = [word for word, terms in analysed if terms == (term,)]
        wanted = folded(like)
        return min(same, key=lambda word: (OSA.distance(folded(word), wanted), len(word)), default=None)

    async def passage_with(self, phrase: str) -> str | None:
        """The words of a phrase as some passage has them, with a blank or a hyphen between them; None if none has."""
        parts = _BETWEEN.join(re.escape(part) for part in _WORD.findall(phrase))
        written = re.compile(rf"(?<![^\W_]){parts}(?![^\W_])", re.IGNORECASE)
        passages = await self._lexical(LexicalQuery((), phrases=(phrase,)))
        texts = (text for passage in passages for text in _texts(passage))
        found = next((match for text in texts for match in written.finditer(text)), None)
        return None if found is None else " ".join(found[0].lower().split())

    async def places(self, text: str) -> Places:
        """Where a string stands in the texts, titles, headings and labels, ignoring case."""
        count, passages = await self._text.containing(text, limit=_LOOKED_AT)
        words = dict.fromkeys(word for passage in passages for word in _around(text, passage))
        return Places(count, tuple(words))

    async def _lexical(self, query: LexicalQuery) -> tuple[Passage, ...]:
        found = await self._passages.lexical(query, scope=self._scope, limit=_LOOKED_AT, vectors="without")
        return found.passages


def _stem(term: str) -> str:
    """The letters with which every word of a term begins: the stemmer writes `happi` for happy."""
    return term[:-1] if len(term) > _STEM else term


def _of_term(term: str, passages: Sequence[Passage]) -> list[str]:
    """The words of passages that begin as a term does."""
    return sorted({word for each in passages for word in _words(each) if folded(word)[:_STEM] == term[:_STEM]})


def _words(passage: Passage) -> Iterator[str]:
    """Every word of a passage and of what is said about it, in lower case."""
    for text in _texts(passage):
        yield from (str(word) for word in _WORD.findall(text.lower()))


def _texts(passage: Passage) -> Iterable[str]:
    about = passage.properties
    names = (passage.title, *passage.heading, *about.aliases, *about.tags, about.about, passage.path)
    return (passage.table_header, passage.text, *names)


def _around(part: str, passage: Passage) -> Iterator[str]:
    """The words of a passage in which a string stands; of a script without blanks, a few letters around it."""
    wanted = folded(part)
    for text in _texts(passage):
        if script_of(part) in SYLLABIC - {"Hang"}:
            plain = folded(text)
            plain = text if len(plain) != len(text) else plain
            for match in re.finditer(re.escape(wanted), plain):
                yield _run(text, match.start(), match.end())
        elif wanted in folded(text):
            yield from (word for word in _WORD.findall(text) if wanted in folded(word))


def _run(text: str, start: int, end: int) -> str:
    """A part of a text with up to `_AROUND` letters before and after it, as far as no other character is between."""
    first, last = start, end
    while first > max(0, start - _AROUND) and text[first - 1].isalpha():
        first -= 1
    while last < min(len(text), end + _AROUND) and text[last].isalpha():
        last += 1
    return text[first:last]
