"""The tables of an index as they are for somebody who may see some of its collections: the others do not exist.

Everything that a search, a reading or a status asks of the tables comes through these classes, so that nothing above
has to remember who asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import anyio.to_thread

from qmd_mcp.domain.documents import Collection, Document, DocumentNames, Passage
from qmd_mcp.domain.lookup import FloatArray, LexicalQuery, Ranking, Scope
from qmd_mcp.domain.text.term_analysis import TermAnalysis
from qmd_mcp.store.lance.once_per_version import OncePerVersion
from qmd_mcp.store.lance.sql import any_of, in_scope
from qmd_mcp.store.open_index import OpenIndex
from qmd_mcp.store.tables.collection_table import CollectionTable
from qmd_mcp.store.tables.document_table import PREFIX_MATCHES, DocumentTable
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.selected_passages import SelectedPassages
from qmd_mcp.store.tables.term_table import count_scripts, count_terms

_NO_COLLECTION = ""
"""A name that no collection can have: a scope that names no collection would be the whole index."""


@dataclass(frozen=True, slots=True)
class ScopedIndex:
    """The parts of an open index, each narrowed to the same collections."""

    collections: ScopedCollections
    documents: ScopedDocuments
    passages: ScopedPassages
    terms: ScopedTerms
    scope: Scope

    @classmethod
    def of(cls, index: OpenIndex, names: frozenset[str]) -> ScopedIndex:
        """Narrow an index to the collections with these names."""
        scope = Scope(collections=tuple(sorted(names)) or (_NO_COLLECTION,))
        return cls(
            collections=ScopedCollections(index.collections, names),
            documents=ScopedDocuments(index.documents, names),
            passages=ScopedPassages(index.passages, scope),
            terms=ScopedTerms(index.passages, scope),
            scope=scope,
        )


@dataclass(frozen=True, slots=True)
class ScopedCollections:
    """Some of the collections."""

    table: CollectionTable
    names: frozenset[str]

    async def all(self) -> tuple[Collection, ...]:
        """Every collection that may be seen, ordered by name."""
        return tuple(each for each in await self.table.all() if each.name in self.names)


@dataclass(frozen=True, slots=True)
class ScopedDocuments:
    """The documents of some collections."""

    table: DocumentTable
    names_of_collections: frozenset[str]

    async def by_docid(self, docids: Sequence[str]) -> Mapping[str, Document]:
        """The documents with these docids."""
        found = await self.table.by_docid(docids)
        return {docid: document for docid, document in found.items() if self._has(document)}

    async def by_prefix(self, prefix: str) -> tuple[Document, ...]:
        """The documents whose docid begins with these digits.

        The table reads a few of all documents, in which those of other collections could take every place.
        """
        found = await self.table.by_prefix(prefix)
        if len(found) >= PREFIX_MATCHES:
            found = tuple(each for each in await self.table.all() if each.docid.startswith(prefix))
        return tuple(each for each in found if self._has(each))

    async def by_keys(self, keys: Sequence[str]) -> dict[str, Document]:
        """The documents at these `collection/path`."""
        found = await self.table.by_keys([key for key in keys if self._has_key(key)])
        return {key: document for key, document in found.items() if self._has(document)}

    async def names(self) -> tuple[DocumentNames, ...]:
        """What every document may be called."""
        return tuple(each for each in await self.table.names() if self._has_key(each.key))

    async def of_collection(self, collection: str) -> tuple[Document, ...]:
        """Every document of a collection."""
        return await self.table.of_collection(collection) if collection in self.names_of_collections else ()

    async def all(self) -> tuple[Document, ...]:
        """Every document."""
        return tuple(each for each in await self.table.all() if self._has(each))

    def _has(self, document: Document) -> bool:
        return document.collection in self.names_of_collections

    def _has_key(self, key: str) -> bool:
        return key.partition("/")[0] in self.names_of_collections


@dataclass(frozen=True, slots=True)
class ScopedPassages:
    """The passages of some collections, found by words, by vector and by what selects them."""

    table: PassageTable
    scope: Scope

    async def lexical(
        self, query: LexicalQuery, *, scope: Scope, limit: int, vectors: Literal["with", "without"]
    ) -> Ranking:
        """The best passages by BM25."""
        return await self.table.lexical(query, scope=self._narrowed(scope), limit=limit, vectors=vectors)

    async def dense(self, vector: FloatArray, *, scope: Scope, limit: int) -> Ranking:
        """The best passages by the cosine of their vectors with a vector."""
        return await self.table.dense(vector, scope=self._narrowed(scope), limit=limit)

    async def obstacles(self) -> tuple[str, ...]:
        """What searches go without because it is damaged, a sentence each."""
        return await self.table.obstacles()

    async def listed(self, scope: Scope, *, limit: int) -> tuple[Passage, ...]:
        """The first passage of each document of a scope."""
        return await SelectedPassages(self.table).listed(self._narrowed(scope), limit=limit)

    async def with_phrase(self, query: LexicalQuery, *, phrase: str, scope: Scope, limit: int) -> tuple[Passage, ...]:
        """The best passages with words or phrases of a query that also have a further phrase."""
        narrowed = self._narrowed(scope)
        return await SelectedPassages(self.table).with_phrase(query, phrase=phrase, scope=narrowed, limit=limit)

    async def count(self, scope: Scope) -> int:
        """The number of passages of a scope."""
        return await SelectedPassages(self.table).count(self._narrowed(scope))

    async def embedded(self) -> int:
        """The number of passages that have a vector."""
        newest = await self.table.snapshot()
        return int(await newest.table.count_rows(f"vector IS NOT NULL AND {in_scope(self.scope)}"))

    def _narrowed(self, scope: Scope) -> Scope:
        wanted = scope.collections or self.scope.collections
        allowed = tuple(name for name in wanted if name in self.scope.collections)
        return replace(scope, collections=allowed or (_NO_COLLECTION,))


class ScopedTerms:
    """In how many passages of some collections each term occurs.

    The table of terms counts over the whole index, and so would tell of words that stand in other collections alone.
    These are counted anew for each version of the passages: 10,000 passages take about .2 s (`count_terms`).
    """

    def __init__(self, passages: PassageTable, scope: Scope) -> None:
        self._passages = passages
        self._scope = scope
        self._counts = OncePerVersion(version=passages.version, read=self._count)

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        """The number of passages in which each of these terms occurs."""
        counts = await self.all()
        return {term: counts.get(term, 0) for term in terms}

    async def all(self) -> Mapping[str, int]:
        """The frequency of every term."""
        return await self._counts.get()

    async def scripts(self) -> Mapping[str, int]:
        """How often terms of each script occur, by ISO 15924 code."""
        return await anyio.to_thread.run_sync(count_scripts, await self.all())

    async def _count(self) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        analysis = TermAnalysis(self._passages.terms_of)
        async for passages in self._passages.batches(where=any_of("collection", self._scope.collections)):
            for term, count in (await count_terms(passages, analysis=analysis)).items():
                counts[term] = counts.get(term, 0) + count
        return counts
