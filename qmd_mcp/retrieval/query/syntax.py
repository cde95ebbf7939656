"""Parsing the text of a search: words, "phrases", wild*, -excluded words, and filters such as path: and tag:."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from qmd_mcp.domain.lookup import WHOLE_INDEX, LexicalQuery, Scope
from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.errors import ArgumentError, EmptyQueryError, OnlyNegativesError
from qmd_mcp.retrieval.query.filters import NAMES, narrowed, narrowed_by
from qmd_mcp.retrieval.query.minus import EDGES, excluded, has_minus, word_behind
from qmd_mcp.retrieval.query.stopwords import STOP_WORDS

_QUOTED = r"\"[^\"]+\"|“[^“”]+”|「[^「」]+」"
_PART = re.compile(
    rf"(?<!\S)(?P<minus>-?)(?P<filter>{'|'.join(NAMES)}):(?P<value>{_QUOTED}|\S+)"
    rf"|(?<!\S)-(?P<not_phrase>{_QUOTED})"
    rf"|(?P<phrase>{_QUOTED})"
    r"|(?P<word>\S+)"
)
"""The parts of a query; what matches no other alternative is a word. `minus.py` says which words a minus excludes."""

_QUOTE_MARKS = '"“”「」'

_WILD = re.compile(r"(?<!\S)([^\W_]{2,}(?:[-_.'’][^\W_]+)*)\*(?!\S)")
"""A word of two letters or more whose end is left open; `**bold**` and `*.md` are none."""


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """One query, parsed into its parts."""

    text: str
    """The query for the embedder: its words and phrases in order, without quotation marks, exclusions and filters."""
    lexical: LexicalQuery
    """The words, phrases and exclusions, for lexical retrieval."""
    prefixes: tuple[str, ...] = ()
    """The beginnings of the words that end in `*`, which are not among the words."""
    filters: Scope = WHOLE_INDEX
    """What the filters select."""
    excluded_words: tuple[str, ...] = ()
    """Those of the exclusions that are words without quotation marks."""
    kept_words: tuple[str, ...] = ()
    """The words with a minus before them that are searched for nevertheless, as they are written."""

    @property
    def only_filters(self) -> bool:
        """Whether the query selects documents and has nothing to look for in them."""
        return not self.text and self.filters != WHOLE_INDEX


def parse(query: str, *, literal: Collection[str] = ()) -> ParsedQuery:
    """Parse a query. Whatever is not an operator is a word, so no text is a syntax error.

    `literal` has words that a minus before them does not exclude, because the texts themselves write the minus.

    Raises:
        OnlyNegativesError: the query only excludes words.
        ArgumentError: the value of after: or before: is no date.
    """
    filters, parts, not_phrases = _parts(_clean(query))
    out = excluded(parts, filtered=filters != WHOLE_INDEX, literal=literal)
    negatives = [word_behind(part) or "" for position, part in enumerate(parts) if position in out]
    kept = [part for position, part in enumerate(parts) if position not in out]
    phrases = [bare for part in kept if (bare := _phrase_in(part)) and _has_letters(bare)]
    words = [word for part in kept for word in _words_in(part)]
    wild = [_WILD.fullmatch(word) for word in words]
    if not kept and (negatives or not_phrases):
        raise OnlyNegativesError([*negatives, *not_phrases])
    return ParsedQuery(
        text=" ".join(_phrase_in(part) or _WILD.sub(r"\1", part) for part in kept),
        lexical=LexicalQuery(
            words=content_words([word for word, match in zip(words, wild, strict=True) if not match]),
            phrases=tuple(phrases),
            negatives=(*negatives, *not_phrases),
        ),
        prefixes=tuple(match[1] for match in wild if match),
        filters=filters,
        excluded_words=tuple(negatives),
        kept_words=tuple(part for part in kept if has_minus(part)),
    )


def parse_request(request: SearchRequest, *, literal: Collection[str] = ()) -> ParsedQuery:
    """Parse the query of a request together with the filters among its arguments.

    Raises:
        EmptyQueryError: there is neither a word nor a filter.
        OnlyNegativesError, ArgumentError: as `parse` does.
    """
    parsed = parse(request.query, literal=literal)
    filters = narrowed_by(parsed.filters, request)
    every = parsed.text in {"", "*"}  # a star asks for everything that the filters select
    unfiltered = filters == Scope(collections=request.collections)
    if unfiltered and not parsed.text:  # nothing but blanks and control characters
        raise EmptyQueryError
    if every and not unfiltered:
        return replace(parsed, text="", lexical=LexicalQuery(words=()), filters=filters)
    return replace(parsed, filters=filters)


def no_filters(query: str) -> list[str]:
    """Say that `collection:notes` was taken for a word, and where collections are given."""
    words = [part["word"] for part in _PART.finditer(_clean(query)) if part["word"]]
    named = [found for word in words if (found := re.fullmatch(r"-?collections?:(\S+)", word))]
    if not named:
        return []
    name = named[0][1]
    argument = f"give the argument collections=[{json.dumps(name)}], on the command line --collection {name}"
    return [f"{named[0][0]} is no filter and was searched as words: {argument}."]


def content_words(words: Sequence[str]) -> tuple[str, ...]:
    """The words without function words such as `the` and `of`; all words if every one is a function word.

    Of words without a letter or digit, such as `->` and `✅`, punctuation is left out unless there is nothing else.
    """
    bare = [word if not _has_letters(word) else stripped for word in words if (stripped := word.strip(EDGES))]
    kept = [word for word in bare if word.lower() not in STOP_WORDS]
    return tuple(kept or bare or words)


def _parts(query: str) -> tuple[Scope, list[str], list[str]]:
    """The filters of a query, its words and phrases as they are written, and its excluded phrases."""
    filters = WHOLE_INDEX
    parts: list[str] = []
    not_phrases: list[str] = []
    for part in _PART.finditer(query):
        further = _filtered(filters, part) if part["filter"] else None
        if further is not None:
            filters = further
        elif part["not_phrase"] and (phrase := part["not_phrase"].strip(_QUOTE_MARKS).strip()):
            not_phrases.append(phrase)
        else:
            parts.append(part[0])
    return filters, parts, not_phrases


def _filtered(filters: Scope, part: re.Match[str]) -> Scope | None:
    value = part["value"].strip(_QUOTE_MARKS).strip()
    try:
        return narrowed(filters, part["filter"], value, negated=bool(part["minus"])) if value else None
    except ArgumentError as error:
        sentence = f'{error} Quote it to search for the word: "{part[0]}".'
        raise ArgumentError(sentence) from error


def _phrase_in(part: str) -> str:
    """What stands between quotation marks; empty for a word."""
    return part.strip(_QUOTE_MARKS).strip() if re.fullmatch(_QUOTED, part) else ""


def _words_in(part: str) -> list[str]:
    """The words of a part that is not a phrase; signs between quotation marks are words, since no phrase has them."""
    phrase = _phrase_in(part)
    if not phrase:
        return [part]
    return [] if _has_letters(phrase) else phrase.split()


def _has_letters(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _clean(query: str) -> str:
    """The query in NFC, in which the index is written, with blanks in place of control characters and surrogates."""
    composed = nfc(query)
    return "".join(" " if unicodedata.category(character) in {"Cc", "Cs"} else character for character in composed)
