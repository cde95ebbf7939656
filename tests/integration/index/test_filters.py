"""Passages of a real LanceDB, selected by tag, date, path and title."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest

from qmd_mcp.domain.documents import Passage, docid_of
from qmd_mcp.domain.lookup import WHOLE_INDEX, LexicalQuery, Scope
from qmd_mcp.domain.properties import Properties
from qmd_mcp.retrieval.query.calendar_days import beginning_of
from qmd_mcp.retrieval.query.syntax import parse
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.selected_passages import SelectedPassages

pytestmark = pytest.mark.anyio


def passage(path: str, text: str, *, tags: tuple[str, ...] = (), date: str | None = None, ordinal: int = 0) -> Passage:
    return Passage(
        docid=docid_of("notes", path, "hash"),
        collection="notes",
        path=path,
        title=path.removesuffix(".md"),
        ordinal=ordinal,
        heading=(),
        breadcrumb="",
        text=text,
        start_line=1,
        end_line=2,
        start_char=0,
        end_char=len(text),
        properties=Properties(tags=tags, date_ns=None if date is None else beginning_of(date, name="date")),
    )


CORPUS = (
    passage("beds.md", "Compost for the beds", tags=("Soil/Loam", "todo"), date="2025-12-31"),
    passage("lid.md", "Compost under a lid", tags=("Crème",), date="2026-01-01"),
    passage("lid.md", "More compost", tags=("Crème",), date="2026-01-01", ordinal=1),
    passage("Draft worms.md", "Compost and worms", tags=("soil", "it's"), date="2026-03-15"),
    passage("undated.md", "Compost without a date"),
    passage("cellar.md", "Shelves of jars", tags=("soiling",), date="2026-02-01"),
)


@pytest.fixture(scope="module", params=["as written", "optimized"])
async def table(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PassageTable]:
    """Tests ask it and write nothing."""
    database = await Database.create(str(tmp_path_factory.mktemp("filters") / "index"))
    passages = await PassageTable.open(database, fingerprint="f1", dimension=2)
    await passages.add(CORPUS, [np.array([1, 0], dtype=np.float32)] * len(CORPUS))
    if request.param == "optimized":
        await passages.optimize()
    yield passages
    database.close()


FILTERS = {
    "tag:soil": {"beds.md", "Draft worms.md"},
    "tag:soil/loam": {"beds.md"},
    "tag:SOIL tag:todo": {"beds.md"},
    "tag:loam": set[str](),
    "tag:creme": {"lid.md"},
    "tag:it's": {"Draft worms.md"},
    "-tag:soil": {"lid.md", "undated.md", "cellar.md"},
    "after:2026": {"lid.md", "Draft worms.md", "cellar.md"},
    "before:2026": {"beds.md"},
    "after:2026-01-01 before:2026-01-02": {"lid.md"},
    "-after:2026-02": {"beds.md", "lid.md"},
    "path:draft": {"Draft worms.md"},
    "-path:d* tag:soil": set[str](),
    '-title:"draft worms" tag:soil': {"beds.md"},
    "tag:soil after:2026": {"Draft worms.md"},
}


@pytest.mark.parametrize(("filters", "selected"), FILTERS.items())
async def test_filters_select_the_same_in_every_way_of_looking(
    table: PassageTable, filters: str, selected: set[str]
) -> None:
    scope = parse(filters).filters
    listed = await SelectedPassages(table).listed(scope, limit=10)
    assert {each.path for each in listed} == selected
    vector = np.array([1, 0], dtype=np.float32)
    assert {each.path for each in (await table.dense(vector, scope=scope, limit=10)).passages} == selected
    lexical = await table.lexical(LexicalQuery(("compost", "jars")), scope=scope, limit=10, vectors="without")
    assert {each.path for each in lexical.passages} == selected
    assert await SelectedPassages(table).count(scope) == sum(each.path in selected for each in CORPUS)


async def test_documents_are_listed_once_each_and_the_newest_first(table: PassageTable) -> None:
    listed = await SelectedPassages(table).listed(WHOLE_INDEX, limit=10)
    assert [each.path for each in listed] == ["Draft worms.md", "cellar.md", "lid.md", "beds.md", "undated.md"]
    assert {each.ordinal for each in listed} == {0}
    assert [each.path for each in await SelectedPassages(table).listed(WHOLE_INDEX, limit=2)] == [
        "Draft worms.md",
        "cellar.md",
    ]


async def test_what_a_negation_leaves_out_has_words_of_the_query_and_is_in_scope(table: PassageTable) -> None:
    async def left_out(query: LexicalQuery, phrase: str, scope: Scope = WHOLE_INDEX) -> set[str]:
        found = await SelectedPassages(table).with_phrase(query, phrase=phrase, scope=scope, limit=10)
        return {each.path for each in found}

    compost = LexicalQuery(("compost",), negatives=("lid", "worms"))
    assert await left_out(compost, "lid") == {"lid.md"}
    assert await left_out(compost, "worms") == {"Draft worms.md"}
    assert await left_out(compost, "worms", replace(WHOLE_INDEX, tags=("todo",))) == set()
    assert await left_out(compost, "jars") == set()
    assert await left_out(LexicalQuery(()), "jars") == {"cellar.md"}
