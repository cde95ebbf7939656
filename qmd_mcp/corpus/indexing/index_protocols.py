"""What indexing needs of the store and the models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from qmd_mcp.domain.documents import Document, Passage
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.token_states import CodeArray, EncodedPassages


class DocumentStore(Protocol):
    """Rows that make documents visible."""

    async def of_collection(self, collection: str) -> tuple[Document, ...]:
        """Every document of a collection."""
        ...

    async def docids(self) -> frozenset[str]:
        """Every visible docid."""
        ...

    async def put(self, documents: Sequence[Document]) -> None:
        """Add or replace."""
        ...

    async def remove(self, keys: Sequence[str]) -> None:
        """Make invisible."""
        ...


class PassageStore(Protocol):
    """Passages and their vectors."""

    async def add(self, passages: Sequence[Passage], vectors: Sequence[FloatArray | None]) -> None:
        """Append in one commit."""
        ...

    async def set_vectors(self, passages: Sequence[Passage], vectors: FloatArray) -> None:
        """Fill in vectors."""
        ...

    async def remove(self, docids: Sequence[str]) -> None:
        """Delete the passages of documents."""
        ...

    async def docids(self) -> frozenset[str]:
        """Documents that have passages."""
        ...

    async def vectors_by_hash(self, hashes: Sequence[str]) -> dict[str, FloatArray]:
        """Vectors that are known for a text."""
        ...

    def without_vector(self, *, batch: int) -> AsyncIterator[tuple[Passage, ...]]:
        """The passages that are not embedded yet when the first batch is asked for."""
        ...

    async def count(self) -> int:
        """Passages."""
        ...

    async def embedded(self) -> int:
        """Passages with a vector."""
        ...


class TermCounter(Protocol):
    """Keeps the document frequencies of terms while passages come and go."""

    async def added(self, passages: Sequence[Passage]) -> None:
        """Count passages in."""
        ...

    async def removing(self, docids: Sequence[str]) -> None:
        """Count the passages of documents out, before they are deleted."""
        ...


class PassageEmbedder(Protocol):
    """Where passages become vectors."""

    async def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        """[texts, dimension]."""
        ...


class PassageEncoder(Protocol):
    """Where passages become vectors and token states in one pass."""

    async def encode_passages(self, texts: Sequence[str]) -> EncodedPassages:
        """In input order."""
        ...


class StateStore(Protocol):
    """Token states of texts, by hash."""

    async def add(self, codes: Mapping[str, CodeArray]) -> None:
        """Append in one commit; texts that have none yet."""
        ...

    async def known(self, hashes: Sequence[str]) -> frozenset[str]:
        """Those that have states."""
        ...

    def without_states(self, *, batch: int) -> AsyncIterator[tuple[Passage, ...]]:
        """One passage for each text that has no states when the first batch is asked for."""
        ...


@dataclass(frozen=True, slots=True)
class TokenStates:
    """What late interaction asks of indexing."""

    encoder: PassageEncoder
    store: StateStore
