"""Known-item queries: each is made of a passage of the corpus, whose document it should find."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from qmd_mcp.domain.documents import Passage

Kind: TypeAlias = Literal["heading", "rare words", "masked sentence", "identifier"]
"""How a query is made of its passage."""

KINDS: tuple[Kind, ...] = get_args(Kind)

RARE_WORDS = 3
"""Words of a rare-words query, as a person remembers a page by a few words (Azzopardi, de Rijke, Balog, SIGIR 2007)."""

MASKED = 3
"""One word in MASKED is left out of a masked sentence, the rarest first, since people remember the common ones."""

SENTENCE_WORDS = range(8, 31)
"""Words that a sentence may have: a shorter one says too little when masked, and a longer one is mostly a list."""

_WORD = re.compile(r"[A-Za-z][A-Za-z'-]{2,}|[\u3400-\u9fff]{2}")
"""A word of three letters or more, or two Chinese characters, the length of most Chinese words."""

_SENTENCE = re.compile(r"[^.!?。！？\n]+")
_NAME = re.compile(r"\b[A-Za-z]\w*(?:[_.]\w+)+\b|\b[a-z]+(?:[A-Z][a-z0-9]+)+\b")


@dataclass(frozen=True, slots=True)
class KnownItem:
    """A query and the document that it should find."""

    kind: Kind
    query: str
    collection: str
    path: str
    overlap: float
    """Share of the query's words that occur in the passage."""


def known_items(passages: Sequence[Passage], *, of_each: int) -> tuple[KnownItem, ...]:
    """Up to `of_each` queries of each kind, from passages in an order that is the same every time.

    A heading or a name that two documents share is left out, since it would be a query for both.
    """
    documents = _document_frequencies(passages)
    shared = _shared(passages)
    makers: Mapping[Kind, Callable[[Passage], str | None]] = {
        "heading": _heading,
        "rare words": lambda passage: _rare_words(passage, documents),
        "masked sentence": lambda passage: _masked_sentence(passage, documents),
        "identifier": lambda passage: _identifier(passage, shared),
    }
    shuffled = sorted(passages, key=_shuffle)
    items: list[KnownItem] = []
    for kind, make in makers.items():
        seen: set[str] = set()
        for passage in shuffled:
            query = make(passage)
            if not query or query in seen or query in shared:
                continue
            seen.add(query)
            items.append(KnownItem(kind, query, passage.collection, passage.path, _overlap(query, passage)))
            if len(seen) == of_each:
                break
    return tuple(items)


def _shuffle(passage: Passage) -> str:
    return hashlib.sha256(passage.passage_id.encode()).hexdigest()


def _document_frequencies(passages: Sequence[Passage]) -> Counter[str]:
    """The number of passages in which each word occurs."""
    counts: Counter[str] = Counter()
    for passage in passages:
        counts.update(set(_words(passage.embedded_text)))
    return counts


def _shared(passages: Sequence[Passage]) -> frozenset[str]:
    """The headings and names that occur in more than one document."""
    documents: dict[str, set[str]] = {}
    for passage in passages:
        for query in {_heading(passage), *_NAME.findall(passage.text)} - {None}:
            documents.setdefault(str(query), set()).add(passage.docid)
    return frozenset(query for query, of in documents.items() if len(of) > 1)


def _words(text: str) -> Iterator[str]:
    return (match.group().lower() for match in _WORD.finditer(text))


def _heading(passage: Passage) -> str | None:
    heading = passage.heading[-1] if passage.heading else passage.title
    return heading if len(list(_words(heading))) >= 2 else None  # noqa: PLR2004  one word names many sections


def _rare_words(passage: Passage, documents: Mapping[str, int]) -> str | None:
    rarest = sorted(set(_words(passage.text)), key=lambda word: (documents[word], word))[:RARE_WORDS]
    return " ".join(sorted(rarest, key=passage.text.lower().index)) if len(rarest) == RARE_WORDS else None


def _masked_sentence(passage: Passage, documents: Mapping[str, int]) -> str | None:
    for sentence in _SENTENCE.findall(passage.text):
        words = list(_words(sentence))
        if len(words) in SENTENCE_WORDS:
            dropped = set(sorted(set(words), key=lambda word: (documents[word], word))[: len(words) // MASKED])
            return " ".join(word for word in words if word not in dropped)
    return None


def _identifier(passage: Passage, shared: AbstractSet[str]) -> str | None:
    names = [name for name in _NAME.findall(passage.text) if name not in shared]
    return max(names, key=len) if names else None


def _overlap(query: str, passage: Passage) -> float:
    words = set(_words(query))
    return len(words & set(_words(passage.embedded_text))) / len(words) if words else 1.0
