"""An open index as it is for somebody for whom some of its collections exist and the others do not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from qmd_mcp.application.model_roles import Models
from qmd_mcp.application.search_assembly import SearchAssembly
from qmd_mcp.corpus.isolation.isolated_reading import IsolatedReading
from qmd_mcp.corpus.library.changed_files import ChangedFiles
from qmd_mcp.corpus.library.document_library import Library
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.domain.lookup import WHOLE_INDEX
from qmd_mcp.domain.searches import Searches
from qmd_mcp.retrieval.search_protocols import IndexState
from qmd_mcp.store.scoped_index import ScopedIndex


@dataclass(frozen=True, slots=True)
class NarrowedEngine:
    """Searches and reads in some collections of an engine's index, with the engine's models."""

    searching: Searches
    reading: Library
    scoped: ScopedIndex
    whole: Callable[[], Awaitable[IndexStatus]]
    """The status of the whole index."""

    @classmethod
    def of(
        cls,
        scoped: ScopedIndex,
        *,
        assembly: SearchAssembly,
        models: Models,
        files: IsolatedReading,
        whole: Callable[[], Awaitable[IndexStatus]],
    ) -> NarrowedEngine:
        """Narrow what an engine is assembled from; `files` reads what is in them."""
        settings = assembly.settings
        library = Library(
            collections=scoped.collections,
            documents=scoped.documents,
            reader=files,
            max_file_bytes=settings.max_file_bytes,
            secrets=settings.secrets,
        )
        changed = ChangedFiles(
            collections=scoped.collections,
            documents=scoped.documents.of_collection,
            check=files,
            max_file_bytes=settings.max_file_bytes,
            secrets=settings.secrets,
        )
        gaps = NarrowedGaps(scoped, changed, assembly.gaps)
        narrow = replace(assembly, library=library, gaps=gaps, scoped=scoped)
        searching = narrow.service(expander=models.expander, reranker=models.reranker)
        return cls(searching, library, scoped, whole)

    async def collections(self) -> Mapping[str, Collection]:
        """The collections that exist here, by name."""
        return await self.reading.collections()

    async def status(self) -> IndexStatus:
        """The state of these collections and of the models. Its size on disk would tell of the others."""
        status = await self.whole()
        names = frozenset(await self.collections())
        each = tuple(collection for collection in status.collections if collection.name in names)
        return replace(
            status,
            collections=each,
            documents=sum(collection.documents for collection in each),
            passages=sum(collection.passages for collection in each),
            embedded=await self.scoped.passages.embedded(),
            size_bytes=None,
        )


@dataclass(frozen=True, slots=True)
class NarrowedGaps:
    """What of the files of some collections their index does not have, or not yet."""

    scoped: ScopedIndex
    files: ChangedFiles
    whole: IndexState

    async def vectors(self) -> tuple[int, int]:
        """How many passages there are, and how many of them have a vector."""
        return await self.scoped.passages.count(WHOLE_INDEX), await self.scoped.passages.embedded()

    async def scripts(self) -> Mapping[str, int]:
        """How often words of each script occur, by ISO 15924 code."""
        return await self.scoped.terms.scripts()

    async def writer(self) -> str | None:
        """The process that is writing the index, in words; None if none is."""
        return await self.whole.writer()

    async def changed_files(self, collections: Sequence[str]) -> Sequence[str]:
        """Some files of these collections, or of all that exist here, that have changed since the last update."""
        return await self.files.some(collections)
