"""A lexical query in LanceDB's full-text language."""

from __future__ import annotations

from lancedb.query import BooleanQuery, FullTextQuery, MatchQuery, Occur, PhraseQuery

from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.store.fulltext.identifiers import forms_of, tokens_in

BOOSTS = {"text": 1.0, "title": 0.5, "headings": 0.25, "identifiers": 1.0, "parts": 0.1}
"""Weights of the fields' BM25 in their sum."""

ANALYSED_FIELDS = ("text", "title", "headings")
"""Fields with word segmentation, stemming and positions."""


def full_text_query(query: LexicalQuery) -> FullTextQuery:
    """Words are a soft OR over every field; each phrase must and no negative may occur in one of them."""
    clauses: list[tuple[Occur, FullTextQuery]] = []
    if query.words:
        words = " ".join(query.words)
        clauses += [(Occur.SHOULD, MatchQuery(words, field, boost=BOOSTS[field])) for field in ANALYSED_FIELDS]
        names, parts = _names(words)
        for group, boost in ((names, BOOSTS["identifiers"]), (parts, BOOSTS["parts"])):
            if group and boost:
                clauses.append((Occur.SHOULD, MatchQuery(" ".join(group), "identifiers", boost=boost)))
    for phrase in query.phrases:
        anywhere = [(Occur.SHOULD, PhraseQuery(phrase, field)) for field in ANALYSED_FIELDS]
        clauses.append((Occur.MUST, BooleanQuery(anywhere)))
    for negative in query.negatives:
        clauses += [(Occur.MUST_NOT, PhraseQuery(negative, field)) for field in ANALYSED_FIELDS]
    return BooleanQuery(clauses)


def _names(words: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The query's names, whole; and their parts with its plain words, which may be part of a name in the text."""
    names: dict[str, None] = {}
    parts: dict[str, None] = {}
    for token in tokens_in(words):
        whole, *pieces = forms_of(token) or ("", token.lower())
        if whole:
            names[whole] = None
        parts.update(dict.fromkeys(pieces))
    return tuple(names), tuple(parts)
