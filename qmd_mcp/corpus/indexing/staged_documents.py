"""Documents of a new generation, which become visible all at once."""

from __future__ import annotations

from collections.abc import Sequence

from qmd_mcp.corpus.indexing.index_protocols import DocumentStore
from qmd_mcp.domain.documents import Document


class StagedDocuments:
    """Stands between the indexer and the documents while a new generation is built beside the one that serves.

    Documents whose passages the new generation already has count as known, so that an interrupted build continues where
    it stopped. What the indexer writes is held back in memory until `publish`.
    """

    def __init__(self, documents: DocumentStore, *, built: frozenset[str]) -> None:
        self._documents = documents
        self._built = built
        self._put: dict[str, Document] = {}
        self._removed: set[str] = set()

    async def of_collection(self, collection: str) -> tuple[Document, ...]:
        """Return the documents of a collection whose passages the new generation already has."""
        every = await self._documents.of_collection(collection)
        return tuple(document for document in every if document.docid in self._built)

    async def docids(self) -> frozenset[str]:
        """Return the docids of such documents, of all collections."""
        return self._built & await self._documents.docids()

    async def put(self, documents: Sequence[Document]) -> None:
        """Hold documents back that are to become visible."""
        self._put.update((document.key, document) for document in documents)

    async def remove(self, keys: Sequence[str]) -> None:
        """Hold the keys of documents back that are to become invisible."""
        self._removed.update(keys)

    async def publish(self, collections: Sequence[str]) -> None:
        """Write what was held back, and remove the documents that these collections no longer have."""
        for collection in collections:
            for document in await self._documents.of_collection(collection):
                if document.docid not in self._built and document.key not in self._put:
                    self._removed.add(document.key)
        await self._documents.put(tuple(self._put.values()))
        await self._documents.remove(tuple(self._removed))
