"""The work on the bytes of one file: cutting it into passages, reading lines of it, and telling whether it is text.

Exceptions of readers come through: whoever calls says what becomes of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from qmd_mcp.corpus.chunking.chunker import Chunker
from qmd_mcp.corpus.library.excerpt import LinesAnswer, LinesAsked, lines_of
from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Document, Passage, PassageSection
from qmd_mcp.domain.properties import Properties


@dataclass(frozen=True, slots=True)
class FileBytes:
    """A file that somebody else has opened and read."""

    path: str
    """Relative to the collection's root; its extension chooses the reader."""
    data: bytes


class CutPassage(NamedTuple):
    """What cutting finds out about one passage; the names are those of `Passage`."""

    heading: tuple[str, ...]
    breadcrumb: str
    text: str
    start_line: int
    end_line: int
    start_char: int
    end_char: int
    table_header: str
    sections: tuple[tuple[int, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class CutFile:
    """A file cut into passages."""

    title: str
    properties: Properties
    passages: tuple[CutPassage, ...]

    def passages_of(self, document: Document) -> tuple[Passage, ...]:
        """The passages as those of a document."""
        return tuple(
            Passage(
                docid=document.docid,
                collection=document.collection,
                path=document.path,
                title=self.title,
                ordinal=ordinal,
                heading=each.heading,
                breadcrumb=each.breadcrumb,
                text=each.text,
                start_line=each.start_line,
                end_line=each.end_line,
                start_char=each.start_char,
                end_char=each.end_char,
                properties=document.properties,
                table_header=each.table_header,
                sections=tuple(PassageSection(start, heading) for start, heading in each.sections),
            )
            for ordinal, each in enumerate(self.passages)
        )


def cut(file: FileBytes, chunker: Chunker) -> CutFile | Skip:
    """Cut a file into passages."""
    source = read(file.data, file.path)
    if isinstance(source, Skip):
        return source
    passages = chunker.passages(source, docid="", collection="", path=file.path)
    return CutFile(source.title, source.properties, tuple(map(_cut_passage, passages)))


def lines(file: FileBytes, asked: LinesAsked) -> LinesAnswer | Skip:
    """Read lines of a file."""
    source = read(file.data, file.path)
    return source if isinstance(source, Skip) else lines_of(source, asked)


def is_text(file: FileBytes) -> bool:
    """Whether an update would index a file."""
    return not isinstance(read(file.data, file.path), Skip)


def _cut_passage(passage: Passage) -> CutPassage:
    return CutPassage(
        passage.heading,
        passage.breadcrumb,
        passage.text,
        passage.start_line,
        passage.end_line,
        passage.start_char,
        passage.end_char,
        passage.table_header,
        tuple((section.start, section.heading) for section in passage.sections),
    )
