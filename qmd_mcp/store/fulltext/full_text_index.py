"""The indexes of a passage table: full text for every field, and what rows are looked up by."""

from __future__ import annotations

from typing import Any

import lancedb
from lancedb.index import FTS, BTree

from qmd_mcp.store.fulltext.full_text_query import ANALYSED_FIELDS

LONGEST_TERM = 128
"""Characters; Lance drops longer tokens. Its default of 40 loses long identifiers and paths."""

_WORDS = FTS(base_tokenizer="icu/split", remove_stop_words=False, with_position=True, max_token_length=LONGEST_TERM)
"""Plain `icu` with stop words cannot find `foo_bar`, `C++`, `R` or the 3 of `3.11`; this one also segments Chinese."""

_NAMES = FTS(base_tokenizer="whitespace", stem=False, remove_stop_words=False, max_token_length=LONGEST_TERM)

_INDEXES: dict[str, Any] = {
    **dict.fromkeys(ANALYSED_FIELDS, _WORDS),
    "identifiers": _NAMES,
    "docid": BTree(),
    "text_hash": BTree(),
}


async def is_indexed(table: lancedb.AsyncTable) -> bool:
    """Whether every index has been made; rows that came later are folded in by `optimize`."""
    return len(await table.list_indices()) >= len(_INDEXES)


async def create_indexes(table: lancedb.AsyncTable) -> None:
    """Make them all, also where a process died in between."""
    for column, config in _INDEXES.items():
        await table.create_index(column, config=config, replace=True)
