"""The terms of a query with their frequencies."""

from __future__ import annotations

from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.retrieval.query.function_terms import FUNCTION_TERMS
from qmd_mcp.retrieval.query.term_occurrences import Term
from qmd_mcp.retrieval.search_protocols import TermFrequencies
from qmd_mcp.retrieval.vocabulary.near_words import NO_NEAR_WORDS, NearWords


async def query_terms(
    query: LexicalQuery, *, vocabulary: TermFrequencies, near: NearWords = NO_NEAR_WORDS
) -> tuple[Term, ...]:
    """The analysed terms of the query's words and phrases, in order; a term that comes twice is there twice.

    Function words are left out, unless there is nothing else. A term that no passage has is replaced by those of the
    near word that is looked up in its place.
    """
    words = " ".join((*query.words, *query.phrases))
    instead = near.terms()
    every = await vocabulary.terms_of(words)
    terms = [term for term in every if term not in FUNCTION_TERMS] or every
    found = [other for term in terms for other in instead.get(term, (term,))]
    frequencies = await vocabulary.frequencies(tuple(dict.fromkeys(found)))
    return tuple(Term(term, passages=frequencies.get(term, 0)) for term in found)
