"""An open index: the tables of the generation that serves."""

from __future__ import annotations

from dataclasses import dataclass

from qmd_mcp.settings import IndexLocation
from qmd_mcp.store.generation import Generation
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.tables.collection_table import CollectionTable
from qmd_mcp.store.tables.document_table import DocumentTable
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.term_table import TermTable
from qmd_mcp.store.tables.token_state_table import StateTable


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """Every table of one index; passages and token states are those of one generation."""

    location: IndexLocation
    generation: Generation
    database: Database
    collections: CollectionTable
    documents: DocumentTable
    passages: PassageTable
    terms: TermTable
    states: StateTable

    @classmethod
    async def open(cls, database: Database, *, location: IndexLocation, generation: Generation) -> OpenIndex:
        """Open the tables of a generation."""
        passages = await PassageTable.open(database, fingerprint=generation.fingerprint, dimension=generation.dimension)
        return cls(
            location=location,
            generation=generation,
            database=database,
            collections=await CollectionTable.open(database, project=location.project),
            documents=await DocumentTable.open(database),
            passages=passages,
            terms=await TermTable.open(database),
            states=await StateTable.open(database, fingerprint=generation.fingerprint, passages=passages),
        )

    async def versions(self) -> tuple[int, ...]:
        """The versions of passages, documents and token states; one of them grows with every write of these."""
        return (await self.passages.version(), await self.documents.version(), await self.states.version())
