"""Going on with those indexes of a table that can be read, when others of its indexes cannot."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import lancedb

from qmd_mcp.index_errors import DamagedIndexError
from qmd_mcp.store.fulltext.full_text_query import SEARCHED_FIELDS

Found = TypeVar("Found")

_LITERAL = re.compile(r"('(?:[^']|'')*')")
"""A string in a filter, in which a column's name means nothing."""

_PLAIN = {
    re.compile(r"\b(docid|text_hash)\b"): r"concat(\1, '')",
    re.compile(r"\b(date_ns)\b"): r"nullif(\1, NULL)",
    re.compile(r"\b(tag_paths)\b"): r"array_concat(\1, [])",
}
"""Each column that has an index for filters, as an expression of the same value for which Lance uses no index (tried
with `explain_plan`)."""


async def damaged_indexes(table: lancedb.AsyncTable) -> frozenset[str]:
    """The columns whose index cannot be read; every index is read whole."""
    damaged: set[str] = set()
    for index in await table.list_indices():
        try:
            await table.prewarm_index(index.name)
        except DamagedIndexError:
            damaged.update(index.columns)
    return frozenset(damaged)


def without_index(clause: str) -> str:
    """A filter that selects the same rows and is read from the rows themselves."""
    parts = _LITERAL.split(clause)
    for number in range(0, len(parts), 2):
        for column, plain in _PLAIN.items():
            parts[number] = column.sub(plain, parts[number])
    return "".join(parts)


@dataclass(slots=True)
class IndexDamage:
    """The indexes of one version of a table that turned out to be damaged; searches go on without them."""

    columns: frozenset[str] = frozenset()

    async def avoided(self, table: lancedb.AsyncTable, ask: Callable[[], Awaitable[Found]]) -> Found:
        """What is asked for; if an index cannot be read, it is asked for once more without that index.

        Raises:
            DamagedIndexError: more than an index cannot be read, or no text can be searched any more.
        """
        try:
            return await ask()
        except DamagedIndexError:
            damaged = await damaged_indexes(table)
            if damaged <= self.columns or damaged >= SEARCHED_FIELDS:
                raise
            self.columns |= damaged
            return await ask()

    def clause(self, where: str | None) -> str | None:
        """A filter that selects the same rows without a damaged index."""
        return where if where is None or not self.columns - SEARCHED_FIELDS else without_index(where)

    def sentences(self) -> tuple[str, ...]:
        """What an answer says about it."""
        return tuple(
            f"The index of {column} cannot be read: what only it would find is missing here. Run qmd-mcp repair."
            if column in SEARCHED_FIELDS
            else f"The index of {column} cannot be read: nothing is missing here, but it takes longer. "
            "Run qmd-mcp repair."
            for column in sorted(self.columns)
        )
