"""Reading files in other processes: what a file does to its reader harms neither this process nor the other files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from qmd_mcp.corpus.isolation.checked_answers import cut_file, is_text, lines
from qmd_mcp.corpus.isolation.process_limits import DEFAULT_LIMITS, Limits
from qmd_mcp.corpus.isolation.reader_handle import ReaderEndedError
from qmd_mcp.corpus.isolation.reader_pool import NoReaderFreeError, ReaderPool
from qmd_mcp.corpus.isolation.reading_work import CutFile, FileBytes
from qmd_mcp.corpus.isolation.wire_format import Request
from qmd_mcp.corpus.library.document_library import READERS
from qmd_mcp.corpus.library.excerpt import LinesAnswer, LinesAsked
from qmd_mcp.domain.answers import Skip, SkipReason
from qmd_mcp.errors import EngineClosingError

T = TypeVar("T")
V = TypeVar("V")

MOST_CUTTING = 4
"""Processes that cut files for indexing, at most; half as many as there are cores, but two if there are two cores."""

REMEMBERED = 10_000
"""Files that have ended a process and are remembered by their content, so that a server that keeps its index up to date
does not pay for them again each time."""

LEAST_SECONDS = 0.1
"""Least processor time in which it is told whether a file is text; .05 s are enough for a megabyte."""


class IsolatedReading:
    """Cuts files, reads lines of files and tells whether they are text, in processes with limits.

    A file that its process does not survive is left out with the reason; the others that were to be read in the same
    process are read by another one. Threads may use it at the same time.
    """

    def __init__(self, tokenizer: Path, *, limits: Limits = DEFAULT_LIMITS) -> None:
        """`tokenizer` is the file of the embedder's tokenizer; the processes are started when there is work."""
        cores = os.cpu_count() or 1
        cutting = min(MOST_CUTTING, cores, max(2, cores // 2))
        self._cutting = ReaderPool(tokenizer, most=cutting, limits=limits)
        self._reading = ReaderPool(None, most=READERS, limits=limits)
        self._refused: dict[str, SkipReason] = {}
        self._seen: dict[str, bool] = {}

    @property
    def lanes(self) -> int:
        """How many calls of `cut` are worked on at the same time."""
        return self._cutting.most

    def processes(self) -> tuple[int, ...]:
        """The numbers of the processes that there are now."""
        return (*self._cutting.processes(), *self._reading.processes())

    def close(self) -> None:
        """End every process."""
        self._cutting.close()
        self._reading.close()

    def cut(self, files: Sequence[FileBytes]) -> Sequence[CutFile | Skip]:
        """Cut files into passages; returns the result of each, in their order."""
        results: list[CutFile | Skip | None] = [self._refusal(file) for file in files]
        asked = [file for file, result in zip(files, results, strict=True) if result is None]
        answers = iter(self._answers(self._cutting, Request("cut", asked), cut_file))
        return [next(answers) if result is None else result for result in results]

    def lines(self, data: bytes, path: str, asked: LinesAsked) -> LinesAnswer | Skip:
        """Read lines of a file."""
        file = FileBytes(path, data)
        return self._refusal(file) or self._answers(self._reading, Request("lines", [file], asked), lines)[0]

    def is_text(self, data: bytes, path: str, *, seconds: float) -> bool:
        """Whether an update would index a file; False if that cannot be told in so much time."""
        file = FileBytes(path, data)
        key = _key(file)
        if (seen := self._seen.get(key)) is not None:
            return seen
        seconds = max(seconds, LEAST_SECONDS)
        request = Request("is text", [file], most_seconds=seconds)
        try:
            answer = self._refusal(file) or self._answers(
                self._reading, request, is_text, remember=False, wait_seconds=seconds
            )
        except NoReaderFreeError:
            return False
        self._remember(self._seen, key, answer == [True])
        return answer == [True]

    def _answers(
        self,
        pool: ReaderPool,
        request: Request,
        checked: Callable[[bytes, FileBytes], T],
        *,
        remember: bool = True,
        wait_seconds: float | None = None,
    ) -> list[T | Skip]:
        """Ask until there is an answer for each file.

        The file for which a process did not answer is tried once more in a new process if that one had read others
        before, whose memory may have been the reason. Processor time is counted for each file.
        """
        answers: list[T | Skip] = []
        retried = False
        while len(answers) < len(request.files):
            to_blame = retried
            try:
                with pool.reader(fresh=retried, wait_seconds=wait_seconds) as reader:
                    to_blame = reader.answered == 0
                    for answer in reader.ask(replace(request, files=request.files[len(answers) :])):
                        answers.append(checked(answer, request.files[len(answers)]))
                        to_blame = False
            except (ReaderEndedError, ValueError) as error:
                if pool.closed:
                    raise EngineClosingError from error
                reason = error.reason if isinstance(error, ReaderEndedError) else "its reader fails"
                retried = not to_blame and reason != "takes too long to read"
                if not retried:
                    file = request.files[len(answers)]
                    answers.append(Skip(file.path, reason))
                    if remember:
                        self._remember(self._refused, _key(file), reason)
            else:
                retried = False
        return answers

    def _refusal(self, file: FileBytes) -> Skip | None:
        reason = self._refused.get(_key(file)) if self._refused else None
        return None if reason is None else Skip(file.path, reason)

    @staticmethod
    def _remember(memory: dict[str, V], key: str, value: V) -> None:
        if len(memory) >= REMEMBERED:
            memory.clear()
        memory[key] = value


def _key(file: FileBytes) -> str:
    """The content of a file and its extension, which together decide how it is read."""
    return f"{hashlib.sha256(file.data).hexdigest()} {file.path.rpartition('/')[2].rpartition('.')[2]}"
