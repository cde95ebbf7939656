"""Reading files in this process, with the interface of `IsolatedReading`."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from qmd_mcp.corpus.chunking.chunker import Chunker
from qmd_mcp.corpus.isolation import reading_work
from qmd_mcp.corpus.isolation.reading_work import CutFile, FileBytes
from qmd_mcp.corpus.library.excerpt import LinesAnswer, LinesAsked
from qmd_mcp.domain.answers import Skip


class ReadingHere:
    """Does the work at once and starts no process: for tests whose subject is something else."""

    lanes = 1

    def __init__(self) -> None:
        tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106  a token of the vocabulary
        tokenizer.pre_tokenizer = Whitespace()
        self._chunker = Chunker(tokenizer)

    def cut(self, files: Sequence[FileBytes]) -> Sequence[CutFile | Skip]:
        return [reading_work.cut(file, self._chunker) for file in files]

    def lines(self, data: bytes, path: str, asked: LinesAsked) -> LinesAnswer | Skip:
        return reading_work.lines(FileBytes(path, data), asked)

    def is_text(self, data: bytes, path: str, *, seconds: float) -> bool:
        return reading_work.is_text(FileBytes(path, data))
