"""What was read of a table, kept until the table has another version."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

Value = TypeVar("Value")


class OncePerVersion(Generic[Value]):
    """Reads something of a table once for each version of the table, however many callers ask for it at once.

    After a commit every query that is under way needs the new rows. The first one reads them and the others wait for
    it: if each read them for itself, a hundred queries would hold a hundred copies of the same table.
    """

    def __init__(self, *, version: Callable[[], Awaitable[int]], read: Callable[[], Awaitable[Value]]) -> None:
        """`version` gives the newest version of the table, and `read` reads that version or a later one."""
        self._version = version
        self._read = read
        self._reading = anyio.Lock()
        self._kept: tuple[int, Value] | None = None
        """The version that was read last, and what was read of it."""
        self.reads = 0
        """How often `read` was called."""

    @property
    def last(self) -> Value | None:
        """What was read last, perhaps of an older version; None if nothing was read yet."""
        return None if self._kept is None else self._kept[1]

    async def get(self) -> Value:
        """What the newest version has.

        A commit that happens while the table is read may be part of what was read. The value is then kept under the
        older version, so that the next caller reads again.
        """
        kept = self._kept
        if kept is not None and kept[0] == await self._version():
            return kept[1]
        async with self._reading:
            version = await self._version()
            if self._kept is None or self._kept[0] != version:  # no other caller has read it in the meantime
                self.reads += 1
                self._kept = version, await self._read()
            return self._kept[1]
