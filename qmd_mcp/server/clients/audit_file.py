"""The audit file: one line for each call of a client, for who switches it on."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias

import anyio.to_thread
from filelock import FileLock

from qmd_mcp.application.tool_calls import Value
from qmd_mcp.domain.answers import Answer, Excerpt, Excerpts
from qmd_mcp.errors import SettingsError
from qmd_mcp.server.clients.client import PRESENT

Transport: TypeAlias = Literal["mcp", "rest"]

Outcome: TypeAlias = Value | tuple[str, ...] | Exception
"""What a call answered, the names that a completion showed, or why there was no answer."""

LARGEST_BYTES = 10 * 2**20
"""At this size the file is put aside and a new one begun: about 40,000 calls, which an editor still opens."""

KEPT = 5
"""How many files that were put aside are kept: FILE.1 is the newest."""

LOCK_SECONDS = 5.0
"""How long to wait for other servers that write into the file. Each holds it for well under a millisecond."""

LONGEST_SUBJECT = 2_000
"""Characters of a query or of references that are recorded. Of longer ones the line says how many there were."""

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True, slots=True)
class AuditFile:
    """Appends lines. Several servers may write into one file, hence each line is written in one piece under a lock."""

    path: Path
    largest_bytes: int = LARGEST_BYTES

    async def record(self, tool: str, subject: object, outcome: Outcome, *, transport: Transport) -> None:
        """Write down who asked for what, and how much of it was found.

        Raises:
            SettingsError: the line cannot be written. Then the call must not be answered.
        """
        written = subject if isinstance(subject, str) else json.dumps(subject, ensure_ascii=False, default=str)
        line: dict[str, object] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "client": PRESENT.get().name,
            "transport": transport,
            "process": os.getpid(),
            "tool": tool,
            "asked": written[:LONGEST_SUBJECT],
        }
        if len(written) > LONGEST_SUBJECT:
            line["asked_characters"] = len(written)
        line |= {"error": type(outcome).__name__} if isinstance(outcome, Exception) else _found(outcome)
        try:
            await anyio.to_thread.run_sync(self._append, json.dumps(line).encode() + b"\n")
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            sentence = (
                f"Nothing is answered because the audit file {self.path} cannot be written: {reason}. Make room, "
                f"or name another file in QMD_AUDIT."
            )
            raise SettingsError(sentence) from error

    def _append(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(f"{self.path}.lock", mode=0o600, timeout=LOCK_SECONDS):
            if self._size() + len(line) > self.largest_bytes:
                self._put_aside()
            descriptor = os.open(self.path, _APPEND, 0o600)
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise OSError(errno.EINVAL, "it is no plain file")
                if sys.platform != "win32" and status.st_mode & 0o077:
                    os.fchmod(descriptor, 0o600)
                if os.write(descriptor, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(descriptor)

    def _size(self) -> int:
        with suppress(OSError):
            return self.path.lstat().st_size
        return 0

    def _put_aside(self) -> None:
        older = [self.path, *(Path(f"{self.path}.{number}") for number in range(1, KEPT + 1))]
        for newer, old in reversed(list(pairwise(older))):
            with suppress(FileNotFoundError):
                newer.replace(old)


@dataclass(frozen=True, slots=True)
class NoAudit:
    """Records nothing, for who has not switched it on."""

    async def record(self, tool: str, subject: object, outcome: Outcome, *, transport: Transport) -> None:
        """Do nothing."""


NO_AUDIT = NoAudit()


def audit_of(path: Path | None) -> AuditFile | NoAudit:
    """Return where calls are recorded, by the setting."""
    return NO_AUDIT if path is None else AuditFile(path)


def subject_of(arguments: Mapping[str, object]) -> object:
    """Return what a call is about: the query or the documents, or else all of its arguments."""
    for name in ("query", "document", "documents"):
        if name in arguments:
            return arguments[name]
    return dict(arguments)


def _found(value: Value | tuple[str, ...]) -> dict[str, object]:
    match value:
        case tuple():
            return {"hits": len(value)}
        case Answer():
            documents = {f"{hit.collection}/{hit.path}" for hit in value.hits}
            return {"hits": len(value.hits), "documents": sorted(documents)}
        case Excerpt():
            return {"hits": 1, "documents": [f"{value.collection}/{value.path}"]}
        case Excerpts():
            read = [f"{each.collection}/{each.path}" for each in value.documents]
            return {"hits": len(read), "documents": read}
        case _:
            return {"hits": 0}
