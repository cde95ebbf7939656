"""The process that reads files: it takes requests from its standard input until that ends.

Run as `python -m qmd_mcp.corpus.isolation.reader_process`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import IO

from tokenizers import Tokenizer

from qmd_mcp.corpus.chunking.chunker import Chunker
from qmd_mcp.corpus.isolation.process_limits import Limits, leave_no_core_file, limit_memory, limit_seconds
from qmd_mcp.corpus.isolation.reading_work import CutFile, FileBytes, cut, is_text, lines
from qmd_mcp.corpus.isolation.wire_format import Request, encoded, receive, receive_request, send
from qmd_mcp.corpus.library.excerpt import LinesAnswer, LinesAsked
from qmd_mcp.domain.answers import Skip

OUT_OF_MEMORY = 75
"""Exit status of a process that got no more memory."""


def main() -> None:
    """Say that this process is ready, then answer one request after another."""
    leave_no_core_file()
    requests, answers = _private_pipes()
    told = json.loads(receive(requests))
    tokenizer, limits = told["tokenizer"], Limits(**told["limits"])
    try:
        chunker = _chunker(tokenizer) if tokenizer else None
    except Exception as error:  # noqa: BLE001  the binding raises bare Exception
        send(answers, json.dumps({"tokenizer": str(error)}).encode())
        return
    send(answers, b"{}")
    while True:
        try:
            request = receive_request(requests)
        except EOFError:
            return
        for file in request.files:
            send(answers, _answer(chunker, request, file, limits))


def _answer(chunker: Chunker | None, request: Request, file: FileBytes, limits: Limits) -> bytes:
    size = len(file.data)
    seconds = limits.seconds_for(size)
    limit_memory(limits.memory_for(size))
    limit_seconds(seconds if request.most_seconds is None else min(seconds, request.most_seconds))
    try:
        answer = encoded(_done(chunker, request, file))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except Exception:  # noqa: BLE001  whatever it is, it is about this file alone
        answer = encoded(Skip(file.path, "its reader fails"))
    limit_seconds(0)
    return answer


def _done(chunker: Chunker | None, request: Request, file: FileBytes) -> CutFile | LinesAnswer | Skip | bool:
    match request.task:
        case "cut":
            assert chunker is not None
            return cut(file, chunker)
        case "lines":
            return lines(file, request.asked or LinesAsked())
        case "is text":
            return is_text(file)


def _chunker(tokenizer: str) -> Chunker:
    read = Tokenizer.from_str(Path(tokenizer).read_text(encoding="utf-8"))
    read.no_truncation()
    read.no_padding()
    return Chunker(read)


def _private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """The pipes of this process, which are no longer its standard input and output: nothing else writes into them."""
    pipes = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    return pipes


if __name__ == "__main__":
    if sys.platform != "win32":
        signal.signal(signal.SIGPROF, signal.SIG_DFL)  # a program may have started this one with the signal ignored
    main()
