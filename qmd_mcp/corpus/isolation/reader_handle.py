"""A reader process, as the process that started it sees it."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from qmd_mcp.corpus.isolation.checked_answers import longest_answer
from qmd_mcp.corpus.isolation.process_limits import Limits
from qmd_mcp.corpus.isolation.reader_process import OUT_OF_MEMORY
from qmd_mcp.corpus.isolation.wire_format import Request, receive, send, send_request
from qmd_mcp.domain.answers import SkipReason
from qmd_mcp.errors import ModelError, ReaderStartError, first_line

_KEPT = frozenset(
    (
        *("PATH", "PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE"),
        *("SYSTEMROOT", "TEMP", "TMP", "TMPDIR"),
    )
)
"""Variables of the environment that a reader process is given: those that Python needs to start, and no token."""


class ReaderEndedError(Exception):
    """A reader process has ended, or was ended, before it answered; `IsolatedReading` handles it."""

    def __init__(self, reason: SkipReason) -> None:
        super().__init__(reason)
        self.reason = reason


class ReaderHandle:
    """One reader process with its pipes; only one thread at a time may ask it."""

    def __init__(self, tokenizer: Path | None, *, limits: Limits) -> None:
        """Start a process, and wait until it is ready; one that has no tokenizer cannot cut.

        Raises:
            ReaderStartError: the process cannot be started.
            ModelError: the tokenizer cannot be read.
        """
        self.answered = 0
        """For how many files it has answered so far."""
        self.deadline = math.inf
        """When it is ended if it has not answered by then, by the monotonic clock."""
        self.idle_since = math.inf
        self._limits = limits
        self._expired = False
        try:
            self._process = _started()
        except OSError as error:
            raise ReaderStartError(first_line(error)) from error
        try:
            told = {"tokenizer": str(tokenizer) if tokenizer else None, "limits": asdict(limits)}
            send(self._input, json.dumps(told).encode())
            ready = json.loads(receive(self._output))
        except (OSError, EOFError) as error:
            self.end()
            sentence = f"it ended with exit status {self._process.returncode} before it was ready"
            raise ReaderStartError(sentence) from error
        if ready and tokenizer:
            self.end()
            sentence = f"The tokenizer {tokenizer.parent.name}/{tokenizer.name} cannot be read: {ready['tokenizer']}"
            raise ModelError(sentence)

    def ask(self, request: Request) -> Iterator[bytes]:
        """Send a request, and yield the answer for each file as it comes.

        Raises:
            ReaderEndedError: the process did not answer for the next file.
        """
        try:
            self._allow(sum(len(file.data) for file in request.files))
            send_request(self._input, request)
            for file in request.files:
                self._allow(len(file.data))
                answer = receive(self._output, most=longest_answer(len(file.data)))
                self.answered += 1
                yield answer
        except OverflowError as error:
            raise ReaderEndedError("takes too much memory to read") from error
        except (OSError, EOFError) as error:
            raise ReaderEndedError(self._reason()) from error
        finally:
            self.deadline = math.inf

    def expire(self) -> None:
        """End the process because the time for its answer is over; any thread may call this."""
        self._expired = True
        self._process.kill()

    def end(self) -> None:
        """End the process and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for stream in (self._input, self._output):
            with suppress(OSError):  # what was not written yet cannot be written any more
                stream.close()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def _allow(self, size: int) -> None:
        self.deadline = time.monotonic() + self._limits.patience_for(size)

    def _reason(self) -> SkipReason:
        """Why the process has ended."""
        try:
            status = self._process.wait(timeout=self._limits.patience_seconds)
        except subprocess.TimeoutExpired:
            return "its reader fails"
        if self._expired or (sys.platform != "win32" and status == -signal.SIGPROF):
            return "takes too long to read"
        killed = (-signal.SIGABRT, -9)  # by a library that gets no memory, and by the kernel
        return "takes too much memory to read" if status in {OUT_OF_MEMORY, *killed} else "its reader fails"

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _output(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout


def _started() -> subprocess.Popen[bytes]:
    """Start a process that shares nothing with this one but two pipes.

    It is in a session of its own, so that Ctrl+C in a terminal does not reach it; it ends when its input does. The
    option `-P` keeps Python from importing modules out of the working folder, which may be anybody's.
    """
    command = (sys.executable, "-P", "-m", "qmd_mcp.corpus.isolation.reader_process")
    windows = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    return subprocess.Popen(  # noqa: S603  our own program
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name.upper() in _KEPT}
        | {"TOKENIZERS_PARALLELISM": "false"},
        start_new_session=True,
        creationflags=windows,
    )
