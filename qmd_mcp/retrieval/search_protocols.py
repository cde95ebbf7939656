"""What retrieval needs of the index, the models and the files: whoever has these can search."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal, Protocol

from qmd_mcp.domain.documents import Collection, Document, Freshness, Passage
from qmd_mcp.domain.lookup import Expansion, FloatArray, LexicalQuery, Places, Ranking, Reranking, Scope
from qmd_mcp.domain.token_states import QueryStates, TokenComparison


class PassageIndex(Protocol):
    """Finds passages by words and by vector."""

    async def lexical(
        self, query: LexicalQuery, *, scope: Scope, limit: int, vectors: Literal["with", "without"]
    ) -> Ranking:
        """The best passages by BM25, best first."""
        ...

    async def dense(self, vector: FloatArray, *, scope: Scope, limit: int) -> Ranking:
        """The best passages by the cosine of their vectors with a unit vector [dimension], best first."""
        ...

    async def obstacles(self) -> tuple[str, ...]:
        """Sentences about what could not be used, because it is damaged."""
        ...


class SelectedPassages(Protocol):
    """Looks passages up by what selects them."""

    async def listed(self, scope: Scope, *, limit: int) -> tuple[Passage, ...]:
        """The first passage of each document of a scope, those with the newest date first."""
        ...

    async def with_phrase(self, query: LexicalQuery, *, phrase: str, scope: Scope, limit: int) -> tuple[Passage, ...]:
        """The best passages with words or phrases of a query that also have a further phrase."""
        ...

    async def count(self, scope: Scope) -> int:
        """The number of passages of a scope."""
        ...


class DocumentStates(Protocol):
    """Tells whether documents have become visible or invisible."""

    async def state(self) -> Hashable:
        """A value that differs if other documents are visible."""
        ...

    async def look(self) -> None:
        """Notice what other processes have decided about the generation that serves the index."""
        ...


class QueryEmbedder(Protocol):
    """Makes vectors of queries."""

    @property
    def provider(self) -> str | None:
        """The execution provider; None while the model is not loaded."""
        ...

    async def embed_query(self, text: str) -> FloatArray:
        """[dimension], unit length."""
        ...

    async def embed_queries(self, texts: Sequence[str]) -> FloatArray:
        """[texts, dimension], unit length, in the order of the texts."""
        ...


class TermFrequencies(Protocol):
    """The analysed terms of the index, and how frequent each is."""

    async def terms_of(self, text: str) -> Sequence[str]:
        """A text's terms, in order."""
        ...

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        """The number of passages in which each term occurs."""
        ...

    async def passages(self) -> int:
        """The number of passages in the index."""
        ...


class IndexVocabulary(TermFrequencies, Protocol):
    """Every analysed term of the index, and its texts, for finding near words and for saying what is nowhere."""

    async def surface(self, term: str, *, like: str) -> str | None:
        """A word of the index that is analysed to this term, of several the one most like another word.

        None if no such word is found: a term is never shown to anybody.
        """
        ...

    async def all_terms(self) -> Mapping[str, int]:
        """The frequency of every term of the index."""
        ...

    async def names(self, words: Sequence[str]) -> frozenset[str]:
        """Those of the words that are a name of code or a part of one in some passage."""
        ...

    async def words(self, words: Sequence[str]) -> frozenset[str]:
        """Those of the words that some passage has as a word.

        The terms of what an update writes are counted at its end; this also knows what was written a moment ago.
        """
        ...

    async def passage_with(self, phrase: str) -> str | None:
        """The words of a phrase as some passage has them, with a blank or a hyphen between them; None if none has."""
        ...

    async def places(self, text: str) -> Places:
        """Where a string stands in the texts, titles, headings and paths, ignoring case."""
        ...


class IndexState(Protocol):
    """What of the files the index does not have, or not yet."""

    async def vectors(self) -> tuple[int, int]:
        """How many passages there are, and how many of them have a vector."""
        ...

    async def scripts(self) -> Mapping[str, int]:
        """How often words of each script occur in the index, by ISO 15924 code."""
        ...

    async def writer(self) -> str | None:
        """The process that is writing the index, in words; None if none is."""
        ...

    async def changed_files(self, collections: Sequence[str]) -> Sequence[str]:
        """Some files of these collections, or of all, that have changed since the index was updated."""
        ...


class TokenEmbedder(Protocol):
    """Makes token states of queries, and by the same forward pass their vectors."""

    async def query_states(self, text: str) -> QueryStates:
        """One state for each token of the text, and its vector."""
        ...


class Late(Protocol):
    """Compares a query with passages token by token (late interaction)."""

    async def compare(self, query: str, states: QueryStates, passages: Sequence[Passage]) -> TokenComparison:
        """The values are NaN for a passage without token states."""
        ...


class Expander(Protocol):
    """Writes sub-queries by a causal language model."""

    @property
    def provider(self) -> str | None:
        """The execution provider; None while the model is not loaded."""
        ...

    async def expand(self, query: str) -> Expansion:
        """Lines to look up beside the query; the same lines for the same query."""
        ...

    def forget(self, query: str) -> None:
        """Drop the cached expansion of this query."""
        ...


class Reranker(Protocol):
    """Reads a query and a passage together (a cross-encoder)."""

    @property
    def provider(self) -> str | None:
        """The execution provider; None while the model is not loaded."""
        ...

    async def score(self, query: str, texts: Sequence[str], *, intent: str | None) -> Reranking:
        """How well each text answers the query."""
        ...


class Library(Protocol):
    """Knows the files behind the passages."""

    async def collections(self) -> Mapping[str, Collection]:
        """Every collection, by name."""
        ...

    async def documents(self, docids: Sequence[str]) -> Mapping[str, Document]:
        """Those of the documents that are visible, by docid."""
        ...

    async def freshness(self, documents: Sequence[Document]) -> Mapping[str, Freshness]:
        """Whether each document's file is as it was indexed, by docid."""
        ...
