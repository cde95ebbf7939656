"""The lock that lets one process at a time write an index."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import anyio
import anyio.to_thread
from filelock import FileLock, Timeout

from qmd_mcp.files.private_files import FILE_MODE, make_private_folder, read_private, write_private
from qmd_mcp.index_errors import ReadOnlyIndexError, WriterBusyError
from qmd_mcp.index_uri import canonical, is_local
from qmd_mcp.settings import cache_folder
from qmd_mcp.store.index_folder import check_folder, check_not_by_sudo
from qmd_mcp.store.store_faults import gone

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
            UnsafeIndexError: something in the folder leads out of it or is another user's.
        """
        if is_local(self._uri) and not self._path.parent.is_dir():
            raise gone(self._uri)
        check_not_by_sudo(self._uri)
        with self._errors_of_the_file_system():
            make_private_folder(self._path.parent)
        lock = self._lock()
        deadline = None if wait_seconds is None else time.monotonic() + wait_seconds
        while not self._acquired(lock):
            if deadline is not None and time.monotonic() >= deadline:
                raise WriterBusyError(self._uri, holder=self.holder())
            await anyio.sleep(_POLL_SECONDS)
        try:
            await anyio.to_thread.run_sync(check_folder, self._uri)  # also of an index that has been open for long
            with self._errors_of_the_file_system():
                for left in self._path.parent.glob(f"{self._holder.name}.*.new"):  # by a process that was killed
                    left.unlink()
                about = {"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
                write_private(self._holder, json.dumps(about).encode())
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
            lock = self._lock()
            if not self._acquired(lock):
                return self.holder()
            lock.release()
        except (OSError, ReadOnlyIndexError):
            return None
        return None

    def holder(self) -> str:
        """Describe the process that holds the lock, from its note."""
        try:
            note = json.loads(read_private(self._holder))
            return f"process {int(note['pid'])} (since {datetime.fromisoformat(note['since'])})"
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return "another process"

    def _lock(self) -> FileLock:
        """A lock of the operating system, whose file is neither made nor opened through a link."""
        return FileLock(self._path, thread_local=False, mode=FILE_MODE)

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
