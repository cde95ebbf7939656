"""Finding out whether everything of an index can be read, and whether its tables agree."""

from __future__ import annotations

from dataclasses import dataclass

import lancedb
import pyarrow as pa

from qmd_mcp.index_errors import DamagedIndexError
from qmd_mcp.store.fulltext.full_text_index import lacking_indexes
from qmd_mcp.store.generation import Generation, serving
from qmd_mcp.store.health.reading_whole import Whole, read_whole, versions_problem
from qmd_mcp.store.health.row_checks import RowFaults, row_faults
from qmd_mcp.store.lance.database import Database, table_names
from qmd_mcp.store.lance.schema import COLLECTIONS, DOCUMENTS, METADATA, PASSAGES_PREFIX, STATES_PREFIX, TERMS
from qmd_mcp.store.lance.second_copy import copy_of
from qmd_mcp.store.tables.index_damage import damaged_indexes


@dataclass(frozen=True, slots=True)
class Condition:
    """What an index is like."""

    problems: tuple[str, ...] = ()
    """What only `repair` mends, a sentence each."""
    notes: tuple[str, ...] = ()
    """What the next update or embedding mends."""


async def examine(uri: str, *, writing: bool) -> Condition:
    """Read every table and every index of an index once, and compare the rows; nothing is written.

    While another process is `writing`, tables do not agree, so that only what cannot be read is told.

    Raises:
        NotAnIndexError: there is none.
        DamagedIndexError: not even the metadata can be read.
    """
    database = await Database.open(uri)
    try:
        return await _examined(database, writing=writing)
    finally:
        database.close()


async def _examined(database: Database, *, writing: bool) -> Condition:
    connection = database.connection
    small = {name: await read_whole(connection, name) for name in (METADATA, COLLECTIONS, DOCUMENTS, TERMS)}
    copies = [copy_of(name) for name in (METADATA, COLLECTIONS) if copy_of(name) in await table_names(connection)]
    small |= {name: await read_whole(connection, name) for name in copies}
    problems = [each.problem for each in small.values() if each.problem]
    generation = await serving(database)
    if generation is None:
        return Condition(tuple(problems))
    states = await read_whole(connection, f"{STATES_PREFIX}{generation.fingerprint}")
    problems += [states.problem] if states.problem else []
    for prefix in (PASSAGES_PREFIX, STATES_PREFIX):
        problems += await _of_indexes(connection, f"{prefix}{generation.fingerprint}")
    if writing or not isinstance(documents := small[DOCUMENTS].rows, pa.Table):
        return Condition(tuple(dict.fromkeys(problems)))
    faults = await _faults(connection, generation, documents=documents, states=states)
    if isinstance(faults, str):
        return Condition(tuple(dict.fromkeys([*problems, faults])))
    return Condition(tuple(dict.fromkeys([*problems, *faults.sentences()])), tuple(faults.notes()))


async def _of_indexes(connection: lancedb.AsyncConnection, name: str) -> list[str]:
    try:
        table = await connection.open_table(name)
        damaged = await damaged_indexes(table)
        lacking = await lacking_indexes(table) if name.startswith(PASSAGES_PREFIX) else frozenset[str]()
        older = await versions_problem(table)
    except DamagedIndexError as error:
        return [str(error)]
    return [
        *(f"The index of {column} in the table {name} cannot be read." for column in sorted(damaged)),
        *(f"The table {name} has no index of {column}." for column in sorted(lacking)),
        *([older] if older else []),
    ]


async def _faults(
    connection: lancedb.AsyncConnection, generation: Generation, *, documents: pa.Table, states: Whole
) -> RowFaults | str:
    """What is wrong with the rows; a sentence if the passages cannot be read."""
    try:
        passages = await connection.open_table(f"{PASSAGES_PREFIX}{generation.fingerprint}")
        return await row_faults(
            documents=documents, passages=passages, states=states.rows, dimension=generation.dimension
        )
    except DamagedIndexError as error:
        return str(error)
    except (ValueError, KeyError, TypeError, pa.ArrowException):
        return "Passages cannot be read: they are not such as were ever written."
