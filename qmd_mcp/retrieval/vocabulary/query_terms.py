"""The terms of a query with their frequencies."""

from __future__ import annotations

from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.retrieval.query.term_occurrences import Term
from qmd_mcp.retrieval.search_protocols import TermFrequencies
from qmd_mcp.retrieval.vocabulary.near_words import NO_NEAR_WORDS, NearWords


async def query_terms(
    query: LexicalQuery, *, vocabulary: TermFrequencies, near: NearWords = NO_NEAR_WORDS
) -> tuple[Term, ...]:
    """The analysed terms of the query's words and phrases, in order; a term that comes twice is there twice.

    A term that no passage has is replaced by those of the near word that is looked up in its place.
    """
    words = " ".join((*query.words, *query.phrases))
    instead = near.terms()
    terms = await vocabulary.terms_of(words)
    found = [other for term in terms for other in instead.get(term, (term,))]
    frequencies = await vocabulary.frequencies(tuple(dict.fromkeys(found)))
    return tuple(Term(term, passages=frequencies.get(term, 0)) for term in found)
