"""How rare the words of a query are in the index."""

from __future__ import annotations

from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.retrieval.query.term_occurrences import Term
from qmd_mcp.retrieval.search_protocols import TermFrequencies


async def query_terms(query: LexicalQuery, *, vocabulary: TermFrequencies) -> tuple[Term, ...]:
    """The terms of its words and phrases, in order; a term that comes twice stands twice."""
    words = " ".join((*query.words, *query.phrases))
    terms = await vocabulary.terms_of(words)
    frequencies = await vocabulary.frequencies(tuple(dict.fromkeys(terms)))
    return tuple(Term(term, passages=frequencies.get(term, 0)) for term in terms)
