"""The three searches with tags and dates, sorted by date, and without words, over a real index."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.domain.answers import Answer
from qmd_mcp.domain.documents import Collection, Mode
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.errors import ArgumentError
from qmd_mcp.presentation.rendering import render_answer
from qmd_mcp.settings import IndexLocation, Settings
from tests.pages import paths

pytestmark = pytest.mark.anyio

PAGES = {
    "standup-1.md": "---\ntags: [meeting/standup]\ndate: 2026-01-12\n---\n# Standup\n\nThe cache was cold.\n",
    "standup-2.md": "---\ntags: [meeting/standup, cache]\ndate: 2026-03-02\n---\n# Standup\n\nThe cache is warm.\n",
    "review.md": "---\ntags: [Meeting]\ndate: 2025-12-01\n---\n# Review\n\nThe cache, the cache and the cache.\n",
    "cellar.md": "# Cellar\n\nShelves of jars behind the cache of apples.\n",
    "soup.md": "# Soup\n\nBoil the leeks, then add salt.\n",
}
TOOLS: tuple[Mode, ...] = ("search", "vsearch", "query")


@asynccontextmanager
async def dated_pages(folder: Path) -> AsyncGenerator[Engine]:
    (folder / "notes").mkdir()
    for name, text in PAGES.items():
        (folder / "notes" / name).write_text(text)
        os.utime(folder / "notes" / name, (1_700_000_000, 1_700_000_000))  # 14 November 2023
    settings = Settings(refresh_seconds=3600)
    async with open_engine(settings, IndexLocation(str(folder / "index")), create=True) as opened:
        await opened.writing.add_collection(Collection("notes", folder / "notes", ("**/*.md",)))
        await opened.writing.update()
        yield opened


@pytest.fixture(scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """Tests ask it and write nothing."""
    async with dated_pages(tmp_path_factory.mktemp("pages")) as opened:
        yield opened


async def asked(engine: Engine, tool: Mode, query: str, **arguments: Any) -> Answer:
    match tool:
        case "search":
            return await engine.searching.search(SearchRequest(query, **arguments))
        case "vsearch":
            return await engine.searching.vsearch(SearchRequest(query, **arguments))
        case "query":
            return await engine.searching.query(QueryRequest(query, **arguments))


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_tag_and_a_date_narrow_every_search_as_operators_and_as_arguments(engine: Engine, tool: Mode) -> None:
    both = {"standup-1.md", "standup-2.md"}
    assert set(paths(await asked(engine, tool, "cache tag:meeting after:2026"))) == both
    assert set(paths(await asked(engine, tool, "cache", tags=("#meeting",), after="2026"))) == both
    assert set(paths(await asked(engine, tool, "cache tag:meeting/standup before:2026-03"))) == {"standup-1.md"}
    assert set(paths(await asked(engine, tool, "cache before:2024"))) >= {"cellar.md"}
    assert not (await asked(engine, tool, "cache tag:standup")).hits


@pytest.mark.parametrize("tool", TOOLS)
async def test_filters_alone_list_what_they_select_and_the_newest_first(engine: Engine, tool: Mode) -> None:
    for answer in (
        await asked(engine, tool, "tag:meeting"),
        await asked(engine, tool, "", tags=("meeting",)),
        await asked(engine, tool, "*", tags=("meeting",)),
    ):
        assert paths(answer) == ["standup-2.md", "standup-1.md", "review.md"]
        assert answer.notes == ("Documents with tag:meeting, newest first.",)
        assert answer.verdict is None
    assert paths(await asked(engine, tool, "tag:meeting after:2026-01 -tag:cache")) == ["standup-1.md"]
    nothing = await asked(engine, tool, "tag:meeting after:2027")
    assert (nothing.hits, nothing.notes) == ((), ("No document has tag:meeting and after:2027-01-01.",))


async def test_a_listing_goes_on_at_its_cursor(engine: Engine) -> None:
    first = await asked(engine, "query", "tag:meeting", limit=2)
    assert (paths(first), first.omitted) == (["standup-2.md", "standup-1.md"], 1)
    assert paths(await asked(engine, "query", "tag:meeting", limit=2, cursor=first.cursor)) == ["review.md"]
    search = await asked(engine, "search", "tag:meeting", limit=2)
    assert (paths(search), search.omitted) == (["standup-2.md", "standup-1.md"], 1)


@pytest.mark.parametrize("tool", TOOLS)
async def test_sorted_by_date_the_newest_of_the_best_come_first(engine: Engine, tool: Mode) -> None:
    by_relevance = await asked(engine, tool, "cache standup")
    by_date = await asked(engine, tool, "cache standup", sort="date")
    assert paths(by_date)[:2] == ["standup-2.md", "standup-1.md"]
    dates = [hit.date for hit in by_date.hits if hit.date]
    assert len(dates) == len(by_date.hits)
    assert dates == sorted(dates, reverse=True)
    assert by_date.notes[0] == f"Newest first, among the {len(by_date.hits)} best matches."
    assert set(paths(by_date)) <= set(paths(by_relevance))
    assert by_date.verdict != "good"


async def test_what_does_not_match_is_not_among_the_newest(engine: Engine) -> None:
    assert "soup.md" not in paths(await asked(engine, "search", "cache", sort="date"))
    assert "soup.md" not in paths(await asked(engine, "query", "was the cache cold in the standup", sort="date"))


async def test_a_newer_match_is_not_left_out_for_being_the_less_likely_one(engine: Engine) -> None:
    assert paths(await asked(engine, "query", "cold", sort="date")) == ["standup-1.md"]
    both = await asked(engine, "query", "review of the cache", sort="date")
    assert [path for path in paths(both) if path in {"review.md", "standup-2.md"}] == ["standup-2.md", "review.md"]


async def test_a_cursor_belongs_to_its_order_and_its_filters(engine: Engine) -> None:
    cursor = (await asked(engine, "query", "cache", limit=1)).cursor
    for changed in ({"sort": "date"}, {"tags": ("meeting",)}, {"after": "2020"}, {"before": "2030"}):
        with pytest.raises(ArgumentError, match="cursor belongs to another question"):
            await asked(engine, "query", "cache", limit=1, cursor=cursor, **changed)


@pytest.mark.parametrize("tool", TOOLS)
async def test_hits_carry_tags_and_the_date_of_the_front_matter(engine: Engine, tool: Mode) -> None:
    hits = {hit.path: hit for hit in (await asked(engine, tool, "standup cache cellar jars")).hits}
    assert (hits["standup-2.md"].tags, hits["standup-2.md"].date) == (("meeting/standup", "cache"), "2026-03-02")
    assert (hits["cellar.md"].tags, hits["cellar.md"].date) == ((), None)
    (dated,) = (await asked(engine, tool, "cellar path:cellar after:2020")).hits
    assert dated.date == "2023-11-14"


async def test_the_text_of_an_answer_shows_tags_and_dates(engine: Engine) -> None:
    text = render_answer(await asked(engine, "search", "standup warm"))
    assert "Standup  [2026-03-02 #meeting/standup #cache]" in text
    assert "[" not in render_answer(await asked(engine, "search", "leeks")).split("\n\n", 1)[1]


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_date_that_is_none_is_said_with_what_would_be_one(engine: Engine, tool: Mode) -> None:
    for arguments in ({"query": "cache after:yesterday"}, {"query": "cache", "after": "yesterday"}):
        with pytest.raises(ArgumentError, match=r"after takes a year, a month or a day .* not 'yesterday'\."):
            await asked(engine, tool, **arguments)


async def test_a_file_that_was_only_touched_keeps_the_date_by_which_it_is_found(tmp_path: Path) -> None:
    async with dated_pages(tmp_path) as engine:
        os.utime(tmp_path / "notes" / "cellar.md", (1_750_000_000, 1_750_000_000))
        await engine.writing.update()
        (hit,) = (await asked(engine, "search", "cellar path:cellar before:2024")).hits
    assert (hit.date, hit.freshness) == ("2023-11-14", "current")


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_collection_written_as_a_filter_is_said_to_be_none(engine: Engine, tool: Mode) -> None:
    sentence = (
        'collection:notes is no filter and was searched as words: give the argument collections=["notes"], on the '
        "command line --collection notes."
    )
    assert sentence in (await asked(engine, tool, "cache collection:notes")).notes
    assert sentence not in (await asked(engine, tool, 'cache "collection:notes"')).notes
    assert sentence not in (await asked(engine, tool, "cache", collections=("notes",))).notes


async def test_a_line_that_is_cut_within_is_said_to_be(tmp_path: Path) -> None:
    async with dated_pages(tmp_path) as engine:
        (tmp_path / "notes" / "long.md").write_text("The zeppelin " + "flies over the long and quiet valley " * 40)
        await engine.writing.update()
        answer = await asked(engine, "query", "zeppelin", max_tokens=50)
        assert "max_tokens has no room for a whole line" in " ".join(answer.notes)
        assert answer.hits[0].snippet.endswith(" …")
        assert answer.cursor is not None
