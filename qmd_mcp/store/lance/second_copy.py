"""A second copy of the two small tables that nothing else in an index could make again."""

from __future__ import annotations

import lancedb

COPIED_KEYS = frozenset({"schema_version", "generation"})
"""The keys of the metadata whose change is worth another copy; the others are made anew by the next update."""


def copy_of(name: str) -> str:
    """The name of the table that holds the copy of another one."""
    return f"{name}_copy"


async def write_copy(connection: lancedb.AsyncConnection, name: str) -> None:
    """Copy a table in one commit; a process that dies before leaves the copy that was there."""
    rows = await (await connection.open_table(name)).query().to_arrow()
    await connection.create_table(copy_of(name), rows, mode="overwrite")
