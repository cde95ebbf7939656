"""What a person or a model types into a search: words, "phrases", -not, path: and title:."""

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
"""A minus excludes a word of three letters or more, or one of another script: `-rf` and `--force` are flags."""

_QUOTE_MARKS = '"“”「」'
_EDGES = "\"'`()[]{}<>,;!?*“”‘’。，；：！？（）「」、…"
"""Punctuation that no name begins or ends with; the rest is left to word segmentation."""


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """One query, taken apart."""

    text: str
    """What it says in words, for the embedder: without operators, phrases without their quotes."""
    lexical: LexicalQuery
    paths: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()

    def scope(self, collections: tuple[str, ...]) -> Scope:
        """The passages that the query asks among."""
        return Scope(collections=collections, paths=self.paths, titles=self.titles)


def parse(query: str) -> ParsedQuery:
    """Take a query apart; whatever is no operator is a word, so nothing is ever a syntax error.

    Raises:
        OnlyNegativesError: nothing is left to look for.
        ArgumentError: only filters are left.
    """
    words: list[str] = []
    phrases: list[str] = []
    negatives: list[str] = []
    filters: dict[str, list[str]] = {"path": [], "title": []}
    said: list[str] = []
    for part in _PART.finditer(_clean(query)):
        if part["filter"]:
            filters[part["filter"]].append(part["value"].strip(_QUOTE_MARKS))
        elif part["not_phrase"] or part["not_word"]:
            negatives.append((part["not_phrase"] or part["not_word"]).strip(_QUOTE_MARKS))
        elif part["phrase"]:
            phrase = part["phrase"].strip(_QUOTE_MARKS).strip()
            if any(character.isalnum() for character in phrase):
                phrases.append(phrase)
                said.append(phrase)
        else:
            words.append(part["word"])
            said.append(part["word"])
    text = " ".join(said)
    if not any(character.isalnum() for character in text):
        if negatives:
            raise OnlyNegativesError(negatives)
        if filters["path"] or filters["title"]:
            sentence = "The query only filters (path:, title:). Add at least one word that should be found."
            raise ArgumentError(sentence)
    lexical = LexicalQuery(words=content_words(words), phrases=tuple(phrases), negatives=tuple(negatives))
    return ParsedQuery(text=text, lexical=lexical, paths=tuple(filters["path"]), titles=tuple(filters["title"]))


def content_words(words: list[str]) -> tuple[str, ...]:
    """The words that carry the subject; all of them where every one is a function word."""
    bare = [stripped for word in words if (stripped := word.strip(_EDGES))]
    kept = [word for word in bare if word.lower() not in STOP_WORDS]
    return tuple(kept or bare)


def _clean(query: str) -> str:
    """NFC, and control characters as blanks."""
    composed = unicodedata.normalize("NFC", query)
    return "".join(" " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in composed)
