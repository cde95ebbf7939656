"""Translating a lexical query into the full-text query that LanceDB takes."""

from __future__ import annotations

from dataclasses import replace

from lancedb.query import BooleanQuery, FullTextQuery, MatchQuery, Occur, PhraseQuery
from lancedb.query import FullTextOperator as Operator

from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.domain.text.folding import folded
from qmd_mcp.domain.text.identifiers import forms_of, marks_in, signs_in, tokens_in

BOOSTS = {"words": 1.0, "titles": 0.5, "labels": 0.25, "identifiers": 1.0, "parts": 0.1}
"""The weight of each field's BM25 in the sum that is the score. `identifiers` are the names and signs of the query as a
whole and `parts` the words that they consist of; both are looked up in the column of identifiers."""

NEAR = 0.5
"""The weight of words that stand in for words of the query which the index lacks, as a share of what those have."""

ANALYSED_FIELDS = ("words", "titles", "labels")
"""The fields whose index segments words, stems them and keeps their positions; their texts are folded."""


SEARCHED_FIELDS = frozenset({*ANALYSED_FIELDS, "identifiers"})
"""Every field that has a full-text index."""


def full_text_query(query: LexicalQuery, *, without: frozenset[str] = frozenset()) -> FullTextQuery:
    """A query that scores passages by their words in every field, but for those that it is to go without.

    A passage need not contain every word. Each phrase must occur in one of the analysed fields, and no negative may
    occur in any of them.
    """
    clauses: list[tuple[Occur, FullTextQuery]] = []
    if query.words:
        words = " ".join(query.words)
        clauses += _matches(folded(words), without=without)
        names, parts = _names_and_parts(words)
        for group, boost in ((names, BOOSTS["identifiers"]), (parts, BOOSTS["parts"])):
            if group and boost and "identifiers" not in without:
                clauses.append((Occur.SHOULD, MatchQuery(" ".join(group), "identifiers", boost=boost)))
    alone = [word for word in query.near if word.isalnum()]
    for near, operator in (
        (" ".join(alone), Operator.OR),
        *((word, Operator.AND) for word in {*query.near} - {*alone}),
    ):
        if near:
            clauses += _matches(folded(near), share=NEAR, operator=operator, without=without)
    clauses += [(Occur.MUST, _phrase(phrase, without)) for phrase in query.phrases]
    clauses += [(Occur.MUST_NOT, _phrase(negative, without)) for negative in query.negatives]
    return BooleanQuery(clauses)


def _phrase(phrase: str, without: frozenset[str]) -> FullTextQuery:
    """The passages that have a phrase in one of the analysed fields, and the signs in it anywhere."""
    fields = [(Occur.SHOULD, PhraseQuery(folded(phrase), field)) for field in ANALYSED_FIELDS if field not in without]
    in_names = () if "identifiers" in without else marks_in(phrase)
    marks = [(Occur.MUST, MatchQuery(mark, "identifiers")) for mark in in_names]
    return BooleanQuery([(Occur.MUST, BooleanQuery(fields)), *marks])


def query_of_what_has(query: LexicalQuery, phrase: str, *, without: frozenset[str] = frozenset()) -> FullTextQuery:
    """A query for the passages that match another one, its negatives apart, and also have a phrase."""
    positive = replace(query, negatives=())
    matching: list[tuple[Occur, FullTextQuery]] = []
    if not positive.is_empty:
        matching.append((Occur.MUST, full_text_query(positive, without=without)))
    return BooleanQuery([*matching, (Occur.MUST, _phrase(phrase, without))])


def _matches(
    words: str, *, without: frozenset[str], share: float = 1.0, operator: Operator = Operator.OR
) -> list[tuple[Occur, FullTextQuery]]:
    """A clause for each analysed field."""
    return [
        (Occur.SHOULD, MatchQuery(words, field, boost=share * BOOSTS[field], operator=operator))
        for field in ANALYSED_FIELDS
        if field not in without
    ]


def _names_and_parts(words: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names in the query as a whole; and their parts together with the plain words of the query.

    A plain word is among the parts because it may be a part of a name in the text. The joined form of a word with
    hyphens is left out: a text that has the word has both forms, so that it would count twice.
    """
    names: dict[str, None] = {}
    parts: dict[str, None] = {}
    for token in tokens_in(words):
        whole, *pieces = forms_of(token) or ("", folded(token))
        if whole:
            names[whole] = None
        parts.update(dict.fromkeys(piece for piece in pieces if piece != whole.replace("-", "")))
    names.update(dict.fromkeys(signs_in(words)))
    return tuple(names), tuple(parts)
