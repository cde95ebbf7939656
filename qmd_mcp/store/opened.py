"""An open index: its tables, and the generation that they are of."""

from __future__ import annotations

from dataclasses import dataclass

from qmd_mcp.settings import IndexLocation
from qmd_mcp.store.database import Database
from qmd_mcp.store.generation import Generation
from qmd_mcp.store.passages import PassageTable
from qmd_mcp.store.tables import CollectionTable, DocumentTable
from qmd_mcp.store.terms import TermTable


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """Every table of one index, as one generation of it has them."""

    location: IndexLocation
    generation: Generation
    database: Database
    collections: CollectionTable
    documents: DocumentTable
    passages: PassageTable
    terms: TermTable

    @classmethod
    async def open(cls, database: Database, *, location: IndexLocation, generation: Generation) -> OpenIndex:
        """The tables of a generation.

        Raises:
            CollectionError: a root of a project-local index leads outside the project.
        """
        return cls(
            location=location,
            generation=generation,
            database=database,
            collections=await CollectionTable.open(database, project=location.project),
            documents=await DocumentTable.open(database),
            passages=await PassageTable.open(
                database, fingerprint=generation.fingerprint, dimension=generation.dimension
            ),
            terms=await TermTable.open(database),
        )
