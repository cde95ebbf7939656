"""Watching, in a process that has one generation open, whether another process lets another generation serve."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress

import anyio

from qmd_mcp.index_errors import StoreError
from qmd_mcp.store.generation import Generation, documents_key, serving_of
from qmd_mcp.store.lance.database import MADE_KEY, Database
from qmd_mcp.store.lance.once_per_version import OncePerVersion
from qmd_mcp.store.tables.document_table import DocumentTable

POLL_SECONDS = 30.0
"""How often a process that nobody queries looks at the metadata. It must notice a switch within the hour for which the
older versions of the documents can be read."""


class Following:
    """Follows the metadata of an index for a process that has one generation of it open.

    A rebuild first notes which version of the documents is the last one of the generation that serves, then replaces
    documents, and then lets the new generation serve. A process that has the old generation open pins its documents to
    the noted version and so goes on answering from the whole old state.
    """

    def __init__(self, database: Database, *, generation: Generation, documents: DocumentTable) -> None:
        self._database = database
        self._generation = generation
        self._documents = documents
        self._made: str | None = None
        """The name that the index was given when it was made or repaired; None before the metadata is read."""
        self._noticed = OncePerVersion(version=database.version, read=self._notice)
        self._over = anyio.Event()
        """Set once another generation serves."""

    async def state(self) -> tuple[int, bool]:
        """The version of the documents that is read, and whether reads are pinned to it; then it never changes again.

        Reads are pinned to a version that was the newest before, so the number alone would not show that other
        documents were read in between.
        """
        with self._ending():
            return await self._documents.version(), self._documents.is_pinned

    async def look(self) -> None:
        """Notice what the metadata says; this costs next to nothing if the metadata has not changed.

        Raises:
            StoreError: the index is gone, damaged, or was made again or repaired, and has to be opened anew.
        """
        with self._ending():
            await self._noticed.get()

    @contextmanager
    def _ending(self) -> Generator[None]:
        """Notice that the index that was opened is no longer there as it was."""
        try:
            yield
        except StoreError:
            self._over.set()
            raise

    async def superseded(self) -> None:
        """Wait until another generation serves, or the index that was opened is no longer there."""
        while not self._over.is_set():
            with suppress(StoreError):
                await self.look()
            with anyio.move_on_after(POLL_SECONDS):
                await self._over.wait()

    async def _notice(self) -> None:
        metadata = await self._database.metadata()
        made = metadata.get(MADE_KEY, "")
        self._made = made if self._made is None else self._made
        if made != self._made:
            sentence = f"The index {self._database.uri} was made anew and is being reopened. Ask again in a moment."
            raise StoreError(sentence)
        serves = serving_of(metadata)
        if serves is not None and serves.fingerprint != self._generation.fingerprint:
            self._over.set()
        last = metadata.get(documents_key(self._generation.fingerprint))
        await self._documents.pin(int(last) if last else None)
