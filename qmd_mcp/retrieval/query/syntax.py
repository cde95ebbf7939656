"""Parsing the text of a search: words, "phrases", -excluded words, and the filters path: and title:."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from qmd_mcp.domain.lookup import LexicalQuery, Scope
from qmd_mcp.errors import ArgumentError, OnlyNegativesError
from qmd_mcp.retrieval.query.stopwords import STOP_WORDS

_QUOTED = r"\"[^\"]+\"|“[^“”]+”|「[^「」]+」"
_PART = re.compile(
    rf"(?<!\S)(?P<filter>path|title):(?P<value>{_QUOTED}|\S+)"
    rf"|(?<!\S)-(?P<not_phrase>{_QUOTED})"
    rf"|(?P<phrase>{_QUOTED})"
    r"|(?<!\S)-(?P<not_word>(?=\S*\w)[^\s\"-]\S{2,}|[^\x00-\x7f\s]\S*)"
    r"|(?P<word>\S+)"
)
"""The parts of a query; what matches no other alternative is a word.

A minus excludes a word of three letters or more, or a word that begins with a letter outside ASCII. Shorter words after
a minus are flags of a command line (`-rf`), and so is a word after two (`--force`).
"""

_QUOTE_MARKS = '"“”「」'
_EDGES = "\"'`()[]{}<>,;!?*“”‘’。，；：！？（）「」、…"
"""Punctuation that is stripped from both ends of a word, since no name begins or ends with it. The index's own word
segmentation removes the rest."""


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """One query, parsed into its parts."""

    text: str
    """The query for the embedder: its words and phrases in order, without quotation marks, exclusions and filters."""
    lexical: LexicalQuery
    """The words, phrases and exclusions, for lexical retrieval."""
    paths: tuple[str, ...] = ()
    """Values of the path: filters."""
    titles: tuple[str, ...] = ()
    """Values of the title: filters."""
    prefixes: tuple[str, ...] = ()
    """Beginnings of words that stand for every word of the index which begins so."""

    def scope(self, collections: tuple[str, ...]) -> Scope:
        """The collections of the request together with the filters of the query."""
        return Scope(collections=collections, paths=self.paths, titles=self.titles)


def parse(query: str) -> ParsedQuery:
    """Parse a query. Whatever is not an operator is a word, so no text is a syntax error.

    Raises:
        OnlyNegativesError: the query only excludes words.
        ArgumentError: the query only filters by path or title.
    """
    words: list[str] = []
    phrases: list[str] = []
    negatives: list[str] = []
    filters: dict[str, list[str]] = {"path": [], "title": []}
    kept: list[str] = []  # words and phrases in the order of the query
    for part in _PART.finditer(_clean(query)):
        if part["filter"]:
            filters[part["filter"]].append(part["value"].strip(_QUOTE_MARKS))
        elif part["not_phrase"] or part["not_word"]:
            negatives.append((part["not_phrase"] or part["not_word"]).strip(_QUOTE_MARKS))
        elif part["phrase"]:
            phrase = part["phrase"].strip(_QUOTE_MARKS).strip()
            if any(character.isalnum() for character in phrase):
                phrases.append(phrase)
                kept.append(phrase)
        else:
            words.append(part["word"])
            kept.append(part["word"])
    text = " ".join(kept)
    if not any(character.isalnum() for character in text):
        if negatives:
            raise OnlyNegativesError(negatives)
        if filters["path"] or filters["title"]:
            sentence = "The query only filters (path:, title:). Add at least one word that should be found."
            raise ArgumentError(sentence)
    lexical = LexicalQuery(words=content_words(words), phrases=tuple(phrases), negatives=tuple(negatives))
    return ParsedQuery(text=text, lexical=lexical, paths=tuple(filters["path"]), titles=tuple(filters["title"]))


def content_words(words: list[str]) -> tuple[str, ...]:
    """The words without function words such as `the` and `of`; all words if every one is a function word."""
    bare = [stripped for word in words if (stripped := word.strip(_EDGES))]
    kept = [word for word in bare if word.lower() not in STOP_WORDS]
    return tuple(kept or bare)


def _clean(query: str) -> str:
    """The query in NFC, in which the index is written, with blanks in place of control characters and surrogates."""
    composed = unicodedata.normalize("NFC", query)
    return "".join(" " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in composed)
