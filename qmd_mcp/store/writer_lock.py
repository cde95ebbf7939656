"""The lock that lets one process at a time write an index."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import anyio
from filelock import FileLock, Timeout

from qmd_mcp.errors import ReadOnlyIndexError, WriterBusyError
from qmd_mcp.index_uri import canonical, is_local
from qmd_mcp.settings import cache_folder
from qmd_mcp.store.faults import gone

_POLL_SECONDS = 0.1
"""How long a waiting writer pauses between attempts: too short to be noticed, and much longer than an attempt takes."""


class WriterLock:
    """A file lock of the operating system, which is released when its process ends, however it ends.

    Concurrent upserts silently duplicate rows in LanceDB (lancedb#3377), so that every write happens under this lock.
    The lock file of an index on object storage is in this machine's cache folder and guards against this machine alone.
    """

    def __init__(self, uri: str) -> None:
        uri = canonical(uri)
        digest = hashlib.sha256(uri.encode()).hexdigest()[:16]
        folder = Path(uri) if is_local(uri) else cache_folder() / "locks" / digest
        self._uri = uri
        self._path = folder / "writer.lock"
        self._holder = folder / "writer.json"

    @asynccontextmanager
    async def held(self, *, wait_seconds: float | None = None) -> AsyncGenerator[None]:
        """Hold the lock; if another process holds it, wait for at most `wait_seconds`, or without end if it is None.

        Raises:
            WriterBusyError: another process held the lock all the time; the sentence names it.
            ReadOnlyIndexError: the files of the lock cannot be written.
            StoreError: the folder of the index is gone.
        """
        if is_local(self._uri) and not self._path.parent.is_dir():
            raise gone(self._uri)
        with self._errors_of_the_file_system():
            self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._path, thread_local=False)
        deadline = None if wait_seconds is None else time.monotonic() + wait_seconds
        while not self._acquired(lock):
            if deadline is not None and time.monotonic() >= deadline:
                raise WriterBusyError(self._uri, holder=self.holder())
            await anyio.sleep(_POLL_SECONDS)
        try:
            with self._errors_of_the_file_system():
                about = {"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
                self._holder.write_text(json.dumps(about), encoding="utf-8")
            yield
        finally:
            with suppress(OSError):  # a note that stays is harmless: `writing_now` does not believe it alone
                self._holder.unlink(missing_ok=True)
            lock.release()

    def writing_now(self) -> str | None:
        """Describe the process that holds the lock; None if none does, or if this cannot be found out.

        The lock is tried only if there is the note of a holder, so that a process that wants it is not kept from it.
        """
        try:
            if not self._holder.exists():
                return None
            lock = FileLock(self._path, thread_local=False)
            if not self._acquired(lock):
                return self.holder()
            lock.release()
        except (OSError, ReadOnlyIndexError):
            return None
        return None

    def holder(self) -> str:
        """Describe the process that holds the lock, from its note."""
        try:
            note = json.loads(self._holder.read_text(encoding="utf-8"))
            return f"process {int(note['pid'])} (since {note['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"

    def _acquired(self, lock: FileLock) -> bool:
        with self._errors_of_the_file_system():
            try:
                lock.acquire(blocking=False)
            except Timeout:
                return False
        return True

    @contextmanager
    def _errors_of_the_file_system(self) -> Generator[None]:
        """Translate an error of the file system into a sentence for the operator."""
        try:
            yield
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            raise ReadOnlyIndexError(self._uri, reason=reason) from error
