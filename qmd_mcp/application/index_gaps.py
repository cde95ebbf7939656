"""What of the files an index does not have, or not yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio.to_thread

from qmd_mcp.corpus.library.changed_files import ChangedFiles
from qmd_mcp.store.open_index import OpenIndex
from qmd_mcp.store.writer_lock import WriterLock


@dataclass(frozen=True, slots=True)
class IndexGaps:
    """Looks at an open index, at its lock and at the files of its collections."""

    index: OpenIndex
    files: ChangedFiles

    async def vectors(self) -> tuple[int, int]:
        """How many passages there are, and how many of them have a vector."""
        return await self.index.passages.count(), await self.index.passages.embedded()

    async def scripts(self) -> Mapping[str, int]:
        """How often words of each script occur in the index, by ISO 15924 code."""
        return await self.index.terms.scripts()

    async def writer(self) -> str | None:
        """The process that is writing the index, in words; None if none is."""
        return await anyio.to_thread.run_sync(WriterLock(self.index.location.uri).writing_now)

    async def changed_files(self, collections: Sequence[str]) -> Sequence[str]:
        """Some files of these collections, or of all, that have changed since the index was updated."""
        return await self.files.some(collections)
