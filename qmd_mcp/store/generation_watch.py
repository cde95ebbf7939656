"""A generation seen by a process that has it open, while others may make another one serve."""

from __future__ import annotations

import anyio

from qmd_mcp.store.generation import Generation, documents_key, serving_of
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.tables.document_table import DocumentTable

POLL_SECONDS = 30.0
"""Between two looks of a process that nobody asks: within the hour for which old versions can be read."""


class Following:
    """Looks at the metadata whenever it has changed, and pins the documents once the generation's time is over.

    A rebuild first writes down which version of the documents belongs to the generation that serves, then replaces
    documents, then lets the new generation serve. Whoever has the old one open goes on to answer from it whole.
    """

    def __init__(self, database: Database, *, generation: Generation, documents: DocumentTable) -> None:
        self._database = database
        self._generation = generation
        self._documents = documents
        self._seen = -1
        self._over = anyio.Event()

    async def version(self) -> int:
        """Of the documents; the same for ever once they are pinned."""
        return await self._documents.version()

    async def look(self) -> None:
        """Notice what has changed; next to nothing where nothing has."""
        version = await self._database.version()
        if version == self._seen:
            return
        marks = await self._database.metadata()
        found = serving_of(marks)
        if found is not None and found.fingerprint != self._generation.fingerprint:
            self._over.set()
        row = marks.get(documents_key(self._generation.fingerprint))
        await self._documents.pin(int(row) if row else None)
        self._seen = version

    async def superseded(self) -> None:
        """Wait until another generation serves."""
        while not self._over.is_set():
            await self.look()
            with anyio.move_on_after(POLL_SECONDS):
                await self._over.wait()
