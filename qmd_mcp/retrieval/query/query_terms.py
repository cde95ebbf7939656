"""The terms of a query with their frequencies."""

from __future__ import annotations

from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.retrieval.query.term_occurrences import Term
from qmd_mcp.retrieval.search_protocols import TermFrequencies


async def query_terms(query: LexicalQuery, *, vocabulary: TermFrequencies) -> tuple[Term, ...]:
    """The analysed terms of the query's words and phrases, in order; a term that comes twice is there twice."""
    words = " ".join((*query.words, *query.phrases))
    terms = await vocabulary.terms_of(words)
    frequencies = await vocabulary.frequencies(tuple(dict.fromkeys(terms)))
    return tuple(Term(term, passages=frequencies.get(term, 0)) for term in terms)
