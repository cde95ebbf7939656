"""One writer at a time."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from filelock import FileLock, Timeout

from qmd_mcp.errors import WriterBusyError
from qmd_mcp.settings import cache_folder, is_local

_POLL_SECONDS = 0.1
"""How often a waiting writer looks again: far below what a person notices, far above what a look costs."""


class WriterLock:
    """An operating system's file lock: it goes with its process, however that ends.

    Concurrent upserts silently duplicate rows in LanceDB (lancedb#3377), so every write happens under it. For an
    index on object storage the file lies in this machine's cache folder and guards this machine only.
    """

    def __init__(self, uri: str) -> None:
        digest = hashlib.sha256(uri.encode()).hexdigest()[:16]
        folder = Path(uri) if is_local(uri) else cache_folder() / "locks" / digest
        self._uri = uri
        self._path = folder / "writer.lock"
        self._holder = folder / "writer.json"

    @asynccontextmanager
    async def held(self, *, wait_seconds: float | None = None) -> AsyncGenerator[None]:
        """Hold the lock; wait for it as long as given, or for ever.

        Raises:
            WriterBusyError: somebody else held it all the time; it names the holder.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._path, thread_local=False)
        deadline = None if wait_seconds is None else time.monotonic() + wait_seconds
        while True:
            try:
                lock.acquire(blocking=False)
            except Timeout:
                if deadline is not None and time.monotonic() >= deadline:
                    raise WriterBusyError(self._uri, holder=self.holder()) from None
                await anyio.sleep(_POLL_SECONDS)
            else:
                break
        try:
            self._holder.write_text(json.dumps({"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}))
            yield
        finally:
            lock.release()

    def holder(self) -> str:
        """Who wrote last, as the process left its name."""
        try:
            said = json.loads(self._holder.read_text())
            return f"process {int(said['pid'])} (since {said['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"
