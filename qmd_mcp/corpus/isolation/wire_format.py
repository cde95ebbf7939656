"""What the two sides of the pipes say to each other: messages of JSON, with the bytes of the files behind a request.

JSON carries values and never code, so that a reader process which a file has taken over can only answer with wrong text
for the files that it was given.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any, Literal, TypeAlias

from qmd_mcp.corpus.isolation.reading_work import CutFile, FileBytes
from qmd_mcp.corpus.library.excerpt import BeyondEnd, Lines, LinesAnswer, LinesAsked
from qmd_mcp.domain.answers import Skip

Task: TypeAlias = Literal["cut", "lines", "is text"]

_LENGTH = 8
"""Bytes of the number that precedes each message."""


@dataclass(frozen=True, slots=True)
class Request:
    """One task for some files."""

    task: Task
    files: Sequence[FileBytes]
    asked: LinesAsked | None = None
    """Which lines, if the task is to read lines."""
    most_seconds: float | None = None
    """Processor time for each file, if that is less than what its size allows."""


def send(stream: IO[bytes], *parts: bytes) -> None:
    """Write one message."""
    stream.write(sum(map(len, parts)).to_bytes(_LENGTH, "big"))
    for part in parts:
        stream.write(part)
    stream.flush()


def receive(stream: IO[bytes], *, most: int | None = None) -> bytes:
    """Read one message.

    Raises:
        EOFError: the other side has ended.
        OverflowError: the message is longer than `most` bytes.
    """
    length = int.from_bytes(_exactly(stream, _LENGTH), "big")
    if most is not None and length > most:
        raise OverflowError
    return _exactly(stream, length)


def send_request(stream: IO[bytes], request: Request) -> None:
    """Write a request, with the bytes of its files."""
    header = {
        "task": request.task,
        "files": [(file.path, len(file.data)) for file in request.files],
        "asked": asdict(request.asked) if request.asked else None,
        "most_seconds": request.most_seconds,
    }
    send(stream, json.dumps(header).encode())
    for file in request.files:
        stream.write(file.data)
    stream.flush()


def receive_request(stream: IO[bytes]) -> Request:
    """Read a request; raises EOFError if there are no more."""
    header = json.loads(receive(stream))
    return Request(
        task=header["task"],
        files=[FileBytes(path, _exactly(stream, size)) for path, size in header["files"]],
        asked=LinesAsked(**header["asked"]) if header["asked"] else None,
        most_seconds=header["most_seconds"],
    )


def encoded(answer: CutFile | LinesAnswer | Skip | bool) -> bytes:  # noqa: FBT001  the answer itself
    """An answer as JSON: an object with one key, which says of what kind it is."""
    return json.dumps(_as_json(answer), ensure_ascii=False, separators=(",", ":")).encode()


def _as_json(answer: CutFile | LinesAnswer | Skip | bool) -> dict[str, Any]:  # noqa: FBT001  as above
    if isinstance(answer, bool):
        return {"is_text": answer}
    if isinstance(answer, Skip):
        return {"skip": answer.reason}
    if isinstance(answer, CutFile):
        about = answer.properties
        return {"cut": (answer.title, (about.aliases, about.tags, about.about, about.date_ns), answer.passages)}
    if isinstance(answer, Lines):
        return {"lines": answer}
    return {"beyond_end": answer} if isinstance(answer, BeyondEnd) else {"no_section": answer}


def _exactly(stream: IO[bytes], count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data
