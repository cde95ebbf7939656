"""Reading everything that a table has: its rows, its earlier versions and its indexes."""

from __future__ import annotations

from dataclasses import dataclass

import lancedb
import pyarrow as pa

from qmd_mcp.index_errors import DamagedIndexError


@dataclass(frozen=True, slots=True)
class Whole:
    """What could be read of a table."""

    rows: pa.Table | None
    """Every row; None if they cannot be read."""
    problem: str | None
    """What cannot be read of it; None if everything can. If there are rows, it is an earlier version of the table."""


async def read_whole(connection: lancedb.AsyncConnection, name: str) -> Whole:
    """Read every row and the list of versions of a table."""
    try:
        table = await connection.open_table(name)
        rows = await table.query().to_arrow()
        rows.validate(full=True)
    except (DamagedIndexError, pa.ArrowException) as error:
        return Whole(None, str(error))
    return Whole(rows, await versions_problem(table))


async def versions_problem(table: lancedb.AsyncTable) -> str | None:
    """What is wrong with the earlier versions of a table; None if nothing is."""
    try:
        await table.list_versions()
    except DamagedIndexError as error:
        return str(error)
    return None
