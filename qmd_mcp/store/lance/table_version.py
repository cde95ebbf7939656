"""The newest version of a table, which LanceDB is asked for only if it may have changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import lancedb

from qmd_mcp.index_uri import is_local

RACY_NS = 2_000_000_000
"""A folder that changed less than 2 s ago may change again within the same tick of the file system's clock, so its
modification time does not yet identify one version. 2 s is the tick of FAT, the coarsest of the usual file systems."""


class TableVersion:
    """The number of the newest version of a table, which grows with every write of any process.

    A search needs this number several times. LanceDB takes .1 ms and two changes of thread to give it. Every commit
    adds a file to one folder of the table, so as long as that folder's modification time is the same, which one system
    call tells, the version is the same. A table on object storage has no such folder, and LanceDB is asked each time.
    """

    def __init__(self, table: lancedb.AsyncTable, *, uri: str) -> None:
        self._table = table
        self._folder = Path(uri) / f"{table.name}.lance" / "_versions" if is_local(uri) else None
        self._settled_ns = -1
        """The folder's modification time at which `_version` was the newest version; -1 before it is known."""
        self._version = 0

    async def newest(self) -> int:
        """The version that a read would see now."""
        changed_ns = self._changed_ns()  # before the version: a commit in between is then noticed by the next call
        if changed_ns is not None and changed_ns == self._settled_ns:
            return self._version
        version = int(await self._table.version())
        if changed_ns is not None and time.time_ns() - changed_ns > RACY_NS:
            self._settled_ns, self._version = changed_ns, version
        return version

    def _changed_ns(self) -> int | None:
        """When the folder changed last; None if there is no such folder."""
        if self._folder is None:
            return None
        try:
            return os.stat(self._folder).st_mtime_ns  # noqa: PTH116  takes half the time of Path.stat
        except OSError:
            return None
