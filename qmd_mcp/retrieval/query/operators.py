"""Phrases and negatives of a query, held against a passage's text."""

from __future__ import annotations

from collections.abc import Sequence

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import LexicalQuery


def allows(query: LexicalQuery, passage: Passage) -> bool:
    """Whether a passage that dense retrieval found has every phrase and no negative of the query."""
    if not query.phrases and not query.negatives:
        return True
    text = f" {_squeezed(passage.embedded_text)} "
    return all(_squeezed(phrase) in text for phrase in query.phrases) and not any(
        _mentions(text, negative) for negative in query.negatives
    )


def without_phrases(query: LexicalQuery) -> LexicalQuery:
    """The same with the phrases' words as words."""
    words = (*query.words, *(word for phrase in query.phrases for word in phrase.split()))
    return LexicalQuery(words=words, negatives=query.negatives)


def quoted(phrases: Sequence[str]) -> str:
    """Phrases for a sentence."""
    return " and ".join(f'"{phrase}"' for phrase in phrases)


def _mentions(text: str, negative: str) -> bool:
    word = _squeezed(negative)
    return f" {word} " in text if word.isascii() else word in text


def _squeezed(text: str) -> str:
    """Lower case, and one blank for whatever is no letter or digit."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
