"""What retrieval needs of the index, the models and the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from qmd_mcp.domain.documents import Collection, Document, Freshness, Passage
from qmd_mcp.domain.lookup import Expansion, FloatArray, LexicalQuery, Ranking, Reranking, Scope
from qmd_mcp.domain.token_states import QueryStates


class PassageIndex(Protocol):
    """Where passages are found."""

    async def lexical(
        self, query: LexicalQuery, *, scope: Scope, limit: int, vectors: Literal["with", "without"]
    ) -> Ranking:
        """BM25, best first."""
        ...

    async def dense(self, vector: FloatArray, *, scope: Scope, limit: int) -> Ranking:
        """Cosine, best first."""
        ...


class QueryEmbedder(Protocol):
    """Where queries become vectors."""

    @property
    def provider(self) -> str | None:
        """Where it runs."""
        ...

    async def embed_query(self, text: str) -> FloatArray:
        """[dimension], unit length."""
        ...

    async def embed_queries(self, texts: Sequence[str]) -> FloatArray:
        """[texts, dimension], unit length, in input order."""
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
    """Every analysed term of the index, for explaining what a query did not find."""

    async def surface(self, term: str) -> str:
        """A word of the index that is analysed to this term; the term itself if no such word is found."""
        ...

    async def all_terms(self) -> Mapping[str, int]:
        """The frequency of every term of the index."""
        ...

    async def terms_at_hand(self) -> Mapping[str, int]:
        """The same if it is in memory, otherwise an empty mapping: a large index's terms must be read from disk."""
        ...


class TokenEmbedder(Protocol):
    """Where queries become token states and, by the same forward, vectors."""

    async def query_states(self, text: str) -> QueryStates:
        """One state for each token."""
        ...


class Late(Protocol):
    """Comparison of query and passages token by token."""

    async def scores(self, query: str, states: QueryStates, passages: Sequence[Passage]) -> FloatArray:
        """[passages]; NaN where a passage has no token states."""
        ...


class Expander(Protocol):
    """A causal LM that writes sub-queries."""

    @property
    def provider(self) -> str | None:
        """Where it runs."""
        ...

    async def expand(self, query: str) -> Expansion:
        """Lines to look up beside the query; the same for the same query."""
        ...

    def forget(self, query: str) -> None:
        """Its lines found nothing: do not keep them."""
        ...


class Reranker(Protocol):
    """A cross-encoder."""

    @property
    def provider(self) -> str | None:
        """Where it runs."""
        ...

    async def score(self, query: str, texts: Sequence[str], *, intent: str | None) -> Reranking:
        """How well each text answers."""
        ...


class Library(Protocol):
    """What is known about the files behind the passages."""

    async def collections(self) -> Mapping[str, Collection]:
        """By name."""
        ...

    async def documents(self, docids: Sequence[str]) -> Mapping[str, Document]:
        """The visible ones."""
        ...

    async def freshness(self, documents: Sequence[Document]) -> Mapping[str, Freshness]:
        """By docid."""
        ...
