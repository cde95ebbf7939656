"""A document that is read is cut beside the event loop, which goes on for everybody else."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from qmd_mcp.corpus.library.document_library import Library
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.domain.documents import Collection, Document, DocumentNames, docid_of

pytestmark = pytest.mark.anyio

THREADS: set[int] = set()


@dataclass(frozen=True, slots=True)
class Watched(SourceText):
    """A text that notes who counts its lines."""

    def source_line(self, line: int) -> int:
        """Note the thread."""
        THREADS.add(threading.get_ident())
        return line


def _decode(data: bytes, _path: str) -> SourceText:
    return Watched(data.decode(), "markdown", "Long", "heading")


@dataclass(slots=True)
class OneCollection:
    """The collection in a folder, and its one document."""

    root: Path
    document: Document = field(init=False)

    def __post_init__(self) -> None:
        data = (self.root / "long.md").read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self.document = Document(docid_of("notes", "long.md", digest), "notes", "long.md", "Long", digest, 0, 0, 0, 1)

    async def all(self) -> tuple[Collection, ...]:
        return (Collection("notes", self.root, ("**/*.md",)),)

    async def by_docid(self, _docids: Sequence[str]) -> Mapping[str, Document]:
        return {self.document.docid: self.document}

    async def by_prefix(self, _prefix: str) -> tuple[Document, ...]:
        return (self.document,)

    async def by_keys(self, keys: Sequence[str]) -> Mapping[str, Document]:
        return {self.document.key: self.document} if self.document.key in keys else {}

    async def names(self) -> tuple[DocumentNames, ...]:
        return (DocumentNames(self.document.key, "Long", ()),)


async def test_the_lines_of_a_document_are_counted_in_a_worker_thread(tmp_path: Path) -> None:
    (tmp_path / "long.md").write_text("# Long\n\nline\n" * 1_000)
    source = OneCollection(tmp_path)
    library = Library(collections=source, documents=source, decode=_decode, max_file_bytes=1_000_000)
    THREADS.clear()
    excerpt = await library.get("notes/long.md", from_line=5, max_lines=2, line_numbers=False)
    assert (excerpt.start_line, excerpt.total_lines) == (5, 3_000)
    assert THREADS
    assert threading.get_ident() not in THREADS
