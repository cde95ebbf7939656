"""Queries whose topic an index has and whose answer it lacks, made of training queries that have one.

Two are made of a query. In one, its rarest word gives way to a word of the same kind that the index lacks; in the
other, such a word is added, as in "... with Zeppelin". The words are those of other queries, so that they are words
that people ask for. What was made has no answer in the index, whatever it finds.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from qmd_mcp.domain.text.scripts import script_of
from qmd_mcp.evaluation.evidence_source import EvidenceSource
from qmd_mcp.retrieval.query.syntax import parse
from qmd_mcp.retrieval.vocabulary.query_terms import query_terms

WORD = re.compile(r"[^\W_][\w.+#'-]*[^\W_]|[^\W_]")
FRAMES = ("{query} in {word}", "{query} with {word}", "{query} for {word}", "{word} {query}", "{query} {word}")
HAN_FRAMES = ("{word}的{query}", "{word}{query}", "{query} {word}")
KINDS = ("name", "word", "mixed", "number")
"""Kinds of words: with a capital letter, without one, with a digit among letters, and of digits alone."""

WORDS = 500
"""Words of a kind that are looked up in the index, chosen by hash."""

FEWEST_LETTERS = 3
HARDLY_ANY = 2
"""Chinese words are taken from queries of the same set, since there is no other. A word that at most this many passages
have is lacking: those are not about the topic of the query to which it is added."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """Words that an index lacks."""

    related: Mapping[str, Sequence[str]]
    """Kind -> words of queries about the same subject."""
    foreign: Mapping[str, Sequence[str]]
    """Kind -> words of queries about other subjects."""

    def one(self, kind: str, key: str) -> str | None:
        """One word of a kind, three times in five of the same subject; the same word for the same key."""
        number = int(_hash(key), 16)
        lists = (self.related, self.foreign) if number % 5 < 3 else (self.foreign, self.related)  # noqa: PLR2004 (3 in 5)
        words = next((each[kind] for each in lists if each.get(kind)), None)
        return words[number // 5 % len(words)] if words else None


async def lacking_words(source: EvidenceSource, *, related: Iterable[str], foreign: Iterable[str]) -> Lacking:
    """The words of these queries that the index lacks."""
    return Lacking(
        *[
            {kind: await _lacking(source, words) for kind, words in _by_kind(queries).items()}
            for queries in (related, foreign)
        ]
    )


async def lacking_chinese_words(source: EvidenceSource, queries: Iterable[str]) -> Lacking:
    """The words of these Chinese queries that hardly any passage has."""
    found: dict[str, int] = {}
    for query in queries:
        for term in await query_terms(parse(query).lexical, vocabulary=source.vocabulary):
            if len(term.text) > 1 and script_of(term.text) == "Hani":
                found[term.text] = term.passages
    words = [word for word, passages in found.items() if passages <= HARDLY_ANY]
    return Lacking({"han": sorted(words, key=_hash)}, {})


async def near_misses(source: EvidenceSource, query: str, lacking: Lacking) -> list[str]:
    """The query with its rarest word replaced, and with a word added."""
    han = "han" in lacking.related
    words = await _rarities(source, query, han=han)
    made: list[str] = []
    if len(words) > 1:  # the only word is the topic
        rarest = max(words, key=lambda word: words[word])
        new = lacking.one("han" if han else _kind(rarest), f"{query} replaced") or lacking.one("name", query)
        if new is not None:
            made.append(query.replace(rarest, new, 1))
    kind = "han" if han else (*KINDS, "name")[int(_hash(query), 16) % (len(KINDS) + 1)]
    new = lacking.one(kind, f"{query} added")
    if new is not None:
        frames = HAN_FRAMES if han else FRAMES
        frame = frames[int(_hash(new + query), 16) % len(frames)]
        plain = query if han else query.rstrip(" ?.")
        made.append(frame.format(query=plain, word=new) + ("?" if plain != query and query.endswith("?") else ""))
    return made


async def _rarities(source: EvidenceSource, query: str, *, han: bool) -> dict[str, float]:
    """Content word -> rarity, as the word stands in the query."""
    terms = {term.text: term for term in await query_terms(parse(query).lexical, vocabulary=source.vocabulary)}
    if han:
        return {text: term.rarity(source.indexed) for text, term in terms.items() if text in query}
    found: dict[str, float] = {}
    for word in dict.fromkeys(WORD.findall(query)):
        own = [terms[text] for text in await source.vocabulary.terms_of(word) if text in terms]
        if own:
            found[word] = max(term.rarity(source.indexed) for term in own)
    return found


def _by_kind(queries: Iterable[str]) -> dict[str, list[str]]:
    """The words of queries by kind; a capital letter at the beginning of a query makes no name."""
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for query in queries:
        for word in WORD.findall(query)[1 if query[:1].isupper() else 0 :]:
            if len(word) >= FEWEST_LETTERS:
                found[_kind(word)].add(word)
    return {kind: sorted(words, key=_hash)[:WORDS] for kind, words in found.items()}


async def _lacking(source: EvidenceSource, words: Sequence[str]) -> list[str]:
    """Those of the words one of whose terms is in no passage."""
    terms = {word: await source.vocabulary.terms_of(word) for word in words}
    frequencies = await source.vocabulary.frequencies(sorted({term for each in terms.values() for term in each}))
    return [word for word, own in terms.items() if own and not min(frequencies[term] for term in own)]


def _kind(word: str) -> str:
    if any(letter.isdigit() for letter in word):
        return "number" if word.replace(".", "").replace(",", "").isdigit() else "mixed"
    return "word" if word.islower() else "name"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
