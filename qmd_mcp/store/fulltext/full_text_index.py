"""The indexes of a table of passages: full text for every searched field, others for looking rows up and filtering."""

from __future__ import annotations

from typing import Any

import lancedb
from lancedb.index import FTS, BTree, LabelList

from qmd_mcp.store.fulltext.full_text_query import ANALYSED_FIELDS

LONGEST_TERM = 128
"""Characters of the longest token that is indexed; Lance drops longer ones. Its default of 40 would lose long
identifiers and paths."""

_WORDS = FTS(base_tokenizer="icu/split", remove_stop_words=False, with_position=True, max_token_length=LONGEST_TERM)
"""The plain tokenizer `icu` with stop words removed cannot find `foo_bar`, `C++`, `R` or the 3 of `3.11`. This one can,
and it also segments Chinese."""

_IDENTIFIERS = FTS(base_tokenizer="whitespace", stem=False, remove_stop_words=False, max_token_length=LONGEST_TERM)

_INDEXES: dict[str, Any] = {
    **dict.fromkeys(ANALYSED_FIELDS, _WORDS),
    "identifiers": _IDENTIFIERS,
    "docid": BTree(),
    "text_hash": BTree(),
    "tag_paths": LabelList(),
    "date_ns": BTree(),
}
"""The index of each column."""


async def is_indexed(table: lancedb.AsyncTable) -> bool:
    """Whether the table has every index; rows that were written later are added to them by `optimize`."""
    return len(await table.list_indices()) >= len(_INDEXES)


async def lacking_indexes(table: lancedb.AsyncTable) -> frozenset[str]:
    """The columns whose index is missing."""
    present = {column for index in await table.list_indices() for column in index.columns}
    return frozenset(_INDEXES.keys() - present)


async def create_indexes(table: lancedb.AsyncTable) -> None:
    """Create every index; those that a process left which died in the middle are replaced."""
    for column, config in _INDEXES.items():
        await table.create_index(column, config=config, replace=True)
