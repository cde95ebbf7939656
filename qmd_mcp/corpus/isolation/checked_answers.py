"""Checking the answers of a reader process before anything is made of them: their types and their bounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from qmd_mcp.corpus.isolation.reading_work import CutFile, CutPassage, FileBytes
from qmd_mcp.corpus.library.excerpt import BeyondEnd, Lines, LinesAnswer, NoSection
from qmd_mcp.domain.answers import Skip, SkipReason
from qmd_mcp.domain.properties import Properties

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_BASE_LENGTH = 16 * 1024 * 1024
_LENGTH_PER_BYTE = 16
"""Most bytes of the answer for a file: a base, and a share that grows with its size. Those for honest documents are up
to three times as long as the files."""

_MOST_NS = 2**63 - 1
"""As in `written_dates`: what a column of 64 bits can hold."""


class _Properties(NamedTuple):
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    about: str
    date_ns: int | None


class _Cut(NamedTuple):
    title: str
    properties: _Properties
    passages: tuple[CutPassage, ...]


@dataclass(frozen=True, slots=True)
class _Answer:
    """One of its fields is there."""

    skip: SkipReason | None = None
    cut: _Cut | None = None
    lines: Lines | None = None
    no_section: NoSection | None = None
    beyond_end: BeyondEnd | None = None
    is_text: bool | None = None


def longest_answer(size: int) -> int:
    """Most bytes of the answer for a file of so many bytes."""
    return _BASE_LENGTH + _LENGTH_PER_BYTE * size


def cut_file(answer: bytes, file: FileBytes) -> CutFile | Skip:
    """The passages of a file; raises ValueError for an answer that is none."""
    given = _answer_type().validate_json(answer)
    if given.skip is not None:
        return Skip(file.path, given.skip)
    if given.cut is None:
        raise ValueError
    title, properties, passages = given.cut
    if properties.date_ns is not None and abs(properties.date_ns) > _MOST_NS:
        raise ValueError
    last = len(file.data) + 1  # of its lines, if each byte ended one
    for each in passages:
        if not (1 <= each.start_line <= each.end_line <= last and each.end_char - each.start_char == len(each.text)):
            raise ValueError
        if not 0 <= each.start_char <= longest_answer(len(file.data)):
            raise ValueError
    return CutFile(title, Properties(*properties), passages)


def lines(answer: bytes, file: FileBytes) -> LinesAnswer | Skip:
    """Lines of a file; raises ValueError for an answer that is none."""
    given = _answer_type().validate_json(answer)
    if given.skip is not None:
        return Skip(file.path, given.skip)
    found = given.lines or given.no_section or given.beyond_end
    if found is None:
        raise ValueError
    return found


def is_text(answer: bytes, file: FileBytes) -> bool:  # noqa: ARG001  like the others
    """Whether a file is text; raises ValueError for an answer that is none."""
    return bool(_answer_type().validate_json(answer).is_text)


@cache
def _answer_type() -> TypeAdapter[_Answer]:
    from pydantic import TypeAdapter

    return TypeAdapter(_Answer)
