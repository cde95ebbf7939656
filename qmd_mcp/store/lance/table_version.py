"""The newest version of a table, asked of LanceDB only where it may have changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import lancedb

RACY_NS = 2_000_000_000
"""A folder that changed so shortly ago may change again within one tick of the file system's clock (2 s on FAT, the
coarsest), so its time proves nothing."""


class TableVersion:
    """Counts every write of a table, whoever writes.

    LanceDB's own answer costs .1 ms and two changes of thread, and a search needs it several times; every commit puts a
    file into one folder, whose time costs a system call. Where there is no such folder, LanceDB is asked each time.
    """

    def __init__(self, table: lancedb.AsyncTable, *, uri: str) -> None:
        self._table = table
        self._folder = None if "://" in uri else Path(uri) / f"{table.name}.lance" / "_versions"
        self._settled = -1
        """Time of the folder at which the version below was the newest."""
        self._version = 0

    async def newest(self) -> int:
        """The version that a read would see."""
        changed = self._changed()
        if changed is not None and changed == self._settled:
            return self._version
        version = int(await self._table.version())
        if changed is not None and time.time_ns() - changed > RACY_NS:
            self._settled, self._version = changed, version
        return version

    def _changed(self) -> int | None:
        """When the folder changed last; before the version is asked for, so that a later change is seen later."""
        if self._folder is None:
            return None
        try:
            return os.stat(self._folder).st_mtime_ns  # noqa: PTH116  half the time of Path's
        except OSError:
            return None
