"""The texts of the passages, searched for strings that need not be words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lancedb.query import BooleanQuery, FullTextQuery, MatchQuery, Occur

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import WHOLE_INDEX, Scope
from qmd_mcp.domain.text.folding import folded
from qmd_mcp.store.fulltext.full_text_query import ANALYSED_FIELDS, SEARCHED_FIELDS
from qmd_mcp.store.lance.sql import holds, in_scope
from qmd_mcp.store.tables.passage_table import PassageTable


class PassageText:
    """Finds passages by a string within their text, and by a name of code.

    There is no index for strings: every row is read. It is asked only before an answer says that something is nowhere.
    """

    def __init__(self, passages: PassageTable, *, scope: Scope = WHOLE_INDEX) -> None:
        self._passages = passages
        self._scope = in_scope(scope)

    async def containing(self, text: str, *, limit: int) -> tuple[int, tuple[Passage, ...]]:
        """How many passages have a string in a searched field or in their text as it is written, and some of them.

        The searched fields lack the targets of links, so the text itself is looked at too, for the string as it is and
        in small letters: to fold the text would take eight times as long as to search it.
        """
        newest = await self._passages.snapshot()
        written = dict.fromkeys((text, text.lower()))
        fields = [
            *(holds(field, folded(text)) for field in ANALYSED_FIELDS),
            *(holds("text", each) for each in written),
        ]
        clause = self._within(" OR ".join(fields))
        count = await newest.count_of(clause)
        if not count:
            return 0, ()
        found = await newest.selected(clause, limit=limit)
        return count, await newest.passages(found["_rowid"].to_pylist())

    async def some_with(self, part: str, *, limit: int) -> tuple[Passage, ...]:
        """Some passages with a folded string in a searched field."""
        newest = await self._passages.snapshot()
        clause = self._within(" OR ".join(holds(field, part) for field in ANALYSED_FIELDS))
        found = await newest.selected(clause, limit=limit)
        return await newest.passages(found["_rowid"].to_pylist())

    async def names(self, words: Sequence[str]) -> frozenset[str]:
        """Those of the words that are a name of code or a part of one."""
        return await self._having(words, fields=("identifiers",))

    async def words(self, words: Sequence[str]) -> frozenset[str]:
        """Those of the words that some passage has as a word, also one that was written a moment ago."""
        return await self._having(words, fields=ANALYSED_FIELDS)

    async def _having(self, words: Sequence[str], *, fields: Sequence[str]) -> frozenset[str]:
        newest = await self._passages.snapshot()
        found: set[str] = set()
        for word in words:
            if set(fields) - newest.damage.columns and len(
                await newest.by_text(partial(_any_of, folded(word), fields), where=self._scope, limit=1)
            ):
                found.add(word)
        return frozenset(found)

    def _within(self, clause: str) -> str:
        return f"({clause}) AND {self._scope}" if self._scope else clause


def _any_of(word: str, fields: Sequence[str], damaged: frozenset[str]) -> FullTextQuery:
    """A query for a word in any of some fields but for the damaged ones; if all of them are, in those that are not."""
    usable = [field for field in fields if field not in damaged] or sorted(SEARCHED_FIELDS - damaged)
    return BooleanQuery([(Occur.SHOULD, MatchQuery(word, field)) for field in usable])
