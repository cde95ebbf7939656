"""Which embedder's passages answer queries: one row of the metadata, so that one commit switches to others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qmd_mcp.index_errors import EmbedderMismatchError
from qmd_mcp.store.lance.database import Database, table_names
from qmd_mcp.store.lance.schema import PASSAGES_PREFIX, STATES_PREFIX
from qmd_mcp.store.tables.document_table import DocumentTable
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.term_ledger import TERMS_KEY, complete_mark
from qmd_mcp.store.tables.token_state_table import StateTable

_KEY = "generation"
"""Key of the metadata whose value is the generation that serves."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The passages and token states that one embedder made; one generation of an index serves, which answers queries.

    A generation has tables of its own, whose names contain its fingerprint.
    """

    fingerprint: str
    """Hash of everything that decides the vectors: model, revision, prompts, dimension and chunking."""
    embedder: str
    """Name of the embedder's profile, for people."""
    dimension: int

    def __str__(self) -> str:
        """The generation as the value in the metadata."""
        return f"{self.fingerprint} {self.dimension} {self.embedder}"

    @classmethod
    def parse(cls, value: str) -> Generation:
        """Read the value in the metadata."""
        fingerprint, dimension, embedder = value.split(" ", 2)
        return cls(fingerprint, embedder, int(dimension))


async def serving(database: Database) -> Generation | None:
    """The generation that serves; None if the index has none yet."""
    return serving_of(await database.metadata())


def serving_of(metadata: Mapping[str, str]) -> Generation | None:
    """The generation that serves, from metadata that the caller has read; None if the index has none yet."""
    value = metadata.get(_KEY)
    return Generation.parse(value) if value else None


def documents_key(fingerprint: str) -> str:
    """The key of the metadata under which a rebuild notes the last version of the documents of a generation.

    The value is empty as long as the newest version of the documents belongs to the generation.
    """
    return f"documents {fingerprint}"


async def check_serving(database: Database, configured: Generation) -> None:
    """Make sure that the generation of the configured embedder serves.

    Raises:
        EmbedderMismatchError: another generation serves.
    """
    found = await serving(database)
    if found is not None and found.fingerprint != configured.fingerprint:
        raise EmbedderMismatchError(index=database.uri, embedder=found.embedder, configured=configured.embedder)


async def is_made(database: Database, generation: Generation) -> bool:
    """Whether a generation has its tables and their indexes: the process that made them may have died meanwhile."""
    fingerprint = generation.fingerprint
    return await PassageTable.is_made(database, fingerprint=fingerprint) and await StateTable.is_made(
        database, fingerprint=fingerprint
    )


async def make(database: Database, generation: Generation) -> None:
    """Make the tables and indexes that a generation lacks; the caller holds the writer lock."""
    passages = await PassageTable.open(database, fingerprint=generation.fingerprint, dimension=generation.dimension)
    await StateTable.open(database, fingerprint=generation.fingerprint, passages=passages)


async def begin(database: Database, generation: Generation) -> None:
    """Let the first generation of an empty index serve, unless one serves already; the caller holds the writer lock."""
    if await serving(database) is None:
        await make(database, generation)
        await database.put(**{_KEY: str(generation), TERMS_KEY: complete_mark(generation.fingerprint)})


async def freeze(database: Database, generation: Generation, *, documents: DocumentTable) -> None:
    """Note the present version of the documents as the last one of the generation that serves.

    The rebuild that calls this then replaces documents and switches to its own generation. A process that has the old
    generation open goes on reading the version that is noted.
    """
    key = documents_key(generation.fingerprint)
    if not (await database.metadata()).get(key):  # otherwise a rebuild noted it which died before its switch
        await database.put(**{key: str(await documents.version())})


async def thaw(database: Database, generation: Generation, *, documents: DocumentTable) -> None:
    """Undo what a rebuild that died before its switch did to the documents of the generation that serves."""
    key = documents_key(generation.fingerprint)
    version = (await database.metadata()).get(key)
    if version:
        await documents.restore(int(version))
        await database.put(**{key: ""})


async def switch(database: Database, generation: Generation) -> None:
    """Let a generation serve from now on, with the newest version of the documents."""
    await database.put(**{_KEY: str(generation), documents_key(generation.fingerprint): ""})


async def drop_others(database: Database, *, keep: tuple[Generation | None, ...]) -> None:
    """Delete the tables of every generation that is not to be kept."""
    prefixes = (PASSAGES_PREFIX, STATES_PREFIX)
    kept = {f"{prefix}{generation.fingerprint}" for generation in keep if generation for prefix in prefixes}
    for name in await table_names(database.connection):
        if name.startswith(prefixes) and name not in kept:
            await database.connection.drop_table(name)
