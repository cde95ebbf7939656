"""What indexing needs from the store and from the models, as protocols."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from qmd_mcp.domain.documents import Document, Passage
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.token_states import CodeArray, EncodedPassages


class DocumentStore(Protocol):
    """The rows that make documents visible to searches."""

    async def of_collection(self, collection: str) -> tuple[Document, ...]:
        """Return every document of a collection."""
        ...

    async def docids(self) -> frozenset[str]:
        """Return the docid of every visible document."""
        ...

    async def put(self, documents: Sequence[Document]) -> None:
        """Make documents visible; a document at the same path is replaced."""
        ...

    async def remove(self, keys: Sequence[str]) -> None:
        """Make the documents with these keys invisible."""
        ...


class PassageStore(Protocol):
    """The passages with their vectors."""

    async def add(self, passages: Sequence[Passage], vectors: Sequence[FloatArray | None]) -> None:
        """Append passages in one commit; a vector of None is filled in later."""
        ...

    async def set_vectors(self, passages: Sequence[Passage], vectors: FloatArray) -> None:
        """Fill in the vectors [passages, dimension] of stored passages."""
        ...

    async def remove(self, docids: Sequence[str]) -> None:
        """Delete the passages of the documents with these docids."""
        ...

    async def docids(self) -> frozenset[str]:
        """Return the docids of the documents that have passages."""
        ...

    async def vectors_by_hash(self, hashes: Sequence[str]) -> dict[str, FloatArray]:
        """Return the vectors that are stored for texts with these hashes."""
        ...

    def without_vector(self, *, batch: int) -> AsyncIterator[tuple[Passage, ...]]:
        """Iterate over the passages that have no vector when the first batch is asked for."""
        ...

    async def count(self) -> int:
        """Return the number of passages."""
        ...

    async def embedded(self) -> int:
        """Return the number of passages that have a vector."""
        ...


class TermCounter(Protocol):
    """Keeps the document frequencies of terms right while passages are added and removed."""

    async def added(self, passages: Sequence[Passage]) -> None:
        """Add passages to the frequencies."""
        ...

    async def removing(self, docids: Sequence[str]) -> None:
        """Subtract the passages of documents from the frequencies, before they are deleted."""
        ...


class PassageEmbedder(Protocol):
    """Computes the vectors of passages."""

    async def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        """Return vectors [texts, dimension]."""
        ...


class PassageEncoder(Protocol):
    """Computes the vectors and the token states of passages in one forward pass."""

    async def encode_passages(self, texts: Sequence[str]) -> EncodedPassages:
        """Return vectors and token states in the order of the texts."""
        ...


class StateStore(Protocol):
    """The token states of texts, by the hash of the text."""

    async def add(self, codes: Mapping[str, CodeArray]) -> None:
        """Append the states of texts that have none yet, in one commit."""
        ...

    async def known(self, hashes: Sequence[str]) -> frozenset[str]:
        """Return those of the hashes that have states."""
        ...

    def without_states(self, *, batch: int) -> AsyncIterator[tuple[Passage, ...]]:
        """Iterate over one passage for each text that has no states when the first batch is asked for."""
        ...


@dataclass(frozen=True, slots=True)
class TokenStates:
    """What indexing needs in addition, if token states are kept for late interaction."""

    encoder: PassageEncoder
    store: StateStore
