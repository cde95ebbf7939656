"""Which passages serve: one metadata row, so that a switch is one commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qmd_mcp.errors import EmbedderMismatchError
from qmd_mcp.store.lance.database import Database, table_names
from qmd_mcp.store.lance.schema import PASSAGES_PREFIX, STATES_PREFIX
from qmd_mcp.store.tables.document_table import DocumentTable
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.term_ledger import TERMS_KEY, complete_mark
from qmd_mcp.store.tables.token_state_table import StateTable

_KEY = "generation"


@dataclass(frozen=True, slots=True)
class Generation:
    """What made a generation's vectors."""

    fingerprint: str
    """Of model, revision, prompts, dimension and chunking."""
    embedder: str
    """Its profile's name, for people."""
    dimension: int

    def __str__(self) -> str:
        """As the metadata row has it."""
        return f"{self.fingerprint} {self.dimension} {self.embedder}"

    @classmethod
    def parse(cls, row: str) -> Generation:
        """Read the metadata row."""
        fingerprint, dimension, embedder = row.split(" ", 2)
        return cls(fingerprint, embedder, int(dimension))


async def serving(database: Database) -> Generation | None:
    """The generation that answers; null before the first."""
    return serving_of(await database.metadata())


def serving_of(metadata: Mapping[str, str]) -> Generation | None:
    """The same, of metadata that has been read."""
    row = metadata.get(_KEY)
    return Generation.parse(row) if row else None


def documents_key(fingerprint: str) -> str:
    """The metadata row with the last version of the documents that belongs to a generation; empty while it serves."""
    return f"documents {fingerprint}"


async def check_serving(database: Database, configured: Generation) -> None:
    """Make sure that the generation that serves is the configured embedder's.

    Raises:
        EmbedderMismatchError: it is not, or no longer.
    """
    found = await serving(database)
    if found is not None and found.fingerprint != configured.fingerprint:
        raise EmbedderMismatchError(index=database.uri, embedder=found.embedder, configured=configured.embedder)


async def is_made(database: Database, generation: Generation) -> bool:
    """Whether a generation has its tables and their indexes: the process that made them may have died in between."""
    fingerprint = generation.fingerprint
    return await PassageTable.is_made(database, fingerprint=fingerprint) and await StateTable.is_made(
        database, fingerprint=fingerprint
    )


async def make(database: Database, generation: Generation) -> None:
    """Make what a generation lacks of its tables and indexes, under the writer's lock."""
    passages = await PassageTable.open(database, fingerprint=generation.fingerprint, dimension=generation.dimension)
    await StateTable.open(database, fingerprint=generation.fingerprint, passages=passages)


async def begin(database: Database, generation: Generation) -> None:
    """Serve the first generation of an empty index, under the writer's lock; nothing if one serves already."""
    if await serving(database) is None:
        await make(database, generation)
        await database.put(**{_KEY: str(generation), TERMS_KEY: complete_mark(generation.fingerprint)})


async def freeze(database: Database, generation: Generation, *, documents: DocumentTable) -> None:
    """Keep the documents of the generation that serves as they are, for whoever has it open; `switch` comes next."""
    key = documents_key(generation.fingerprint)
    if not (await database.metadata()).get(key):  # else another rebuild died between this and the switch
        await database.put(**{key: str(await documents.version())})


async def thaw(database: Database, generation: Generation, *, documents: DocumentTable) -> None:
    """Take back what a rebuild that died before its switch had done to the documents."""
    key = documents_key(generation.fingerprint)
    version = (await database.metadata()).get(key)
    if version:
        await documents.restore(int(version))
        await database.put(**{key: ""})


async def switch(database: Database, generation: Generation) -> None:
    """Serve a generation from now on, with the documents as they are from now on."""
    await database.put(**{_KEY: str(generation), documents_key(generation.fingerprint): ""})


async def drop_others(database: Database, *, keep: tuple[Generation | None, ...]) -> None:
    """Delete every generation but some."""
    prefixes = (PASSAGES_PREFIX, STATES_PREFIX)
    kept = {f"{prefix}{generation.fingerprint}" for generation in keep if generation for prefix in prefixes}
    for name in await table_names(database.connection):
        if name.startswith(prefixes) and name not in kept:
            await database.connection.drop_table(name)
