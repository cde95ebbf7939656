"""What a minus in a query leaves out, and what the answers say about it, over a real index."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from qmd_mcp.application.engine import Engine
from qmd_mcp.domain.answers import Answer
from qmd_mcp.domain.documents import Mode
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from tests.pages import open_pages, paths

pytestmark = pytest.mark.anyio

PAGES = {
    "start.md": "# Start\n\nStart the app with `java -jar app.jar`. The freezer runs at -105 degrees.\n",
    "island.md": "# Island\n\nJava is an island; a freezer keeps its coffee fresh.\n",
    "commit.md": "# Commit\n\nMend the last commit: `vcs commit --amend`.\n",
    "other.md": "# Other\n\nThe app and the freezer, in degrees.\n",
    "drafts/law.md": "# Law\n\nTo amend a law takes a commit of the house about the freezer.\n",
}


@pytest.fixture(scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """Tests ask it and write nothing."""
    async with open_pages(tmp_path_factory.mktemp("pages"), PAGES) as opened:
        yield opened


async def asked(engine: Engine, tool: Mode, query: str) -> Answer:
    match tool:
        case "search":
            return await engine.searching.search(SearchRequest(query))
        case "vsearch":
            return await engine.searching.vsearch(SearchRequest(query))
        case "query":
            return await engine.searching.query(QueryRequest(query))


@pytest.mark.parametrize("tool", ["search", "query"])
async def test_what_an_exclusion_leaves_out_is_counted_and_named(engine: Engine, tool: Mode) -> None:
    answer = await asked(engine, tool, "freezer -island")
    assert "island.md" not in paths(answer)
    assert "-island left out 1 passage with words of the query (notes/island.md)." in answer.notes
    answer = await asked(engine, tool, 'freezer -"coffee fresh" -"polar bear"')
    assert '-"coffee fresh" left out 1 passage with words of the query (notes/island.md).' in answer.notes
    assert '-"polar bear" left out no passage with words of the query.' in answer.notes


@pytest.mark.parametrize("tool", ["search", "query"])
async def test_a_pasted_command_finds_the_text_it_was_copied_from(engine: Engine, tool: Mode) -> None:
    answer = await asked(engine, tool, "java -jar app.jar")
    assert paths(answer)[0] == "start.md"
    assert '"-jar" was taken as a word; to exclude one, quote it: -"jar".' in answer.notes
    assert paths(await asked(engine, tool, "freezer at -105 degrees"))[0] == "start.md"


@pytest.mark.parametrize("tool", ["search", "query"])
async def test_a_minus_that_the_texts_write_themselves_excludes_nothing(engine: Engine, tool: Mode) -> None:
    for query in ("app java -jar", "vcs commit -amend"):
        answer = await asked(engine, tool, query)
        assert not [note for note in answer.notes if "left out" in note]
        assert [note for note in answer.notes if "was taken as a word" in note]
    assert paths(await asked(engine, tool, "vcs commit -amend"))[0] == "commit.md"
    assert "commit.md" not in paths(await asked(engine, tool, 'vcs commit -"amend"'))


@pytest.mark.parametrize("tool", ["search", "vsearch", "query"])
async def test_a_negated_filter_holds_in_all_searches_and_says_how_much_it_leaves_out(
    engine: Engine, tool: Mode
) -> None:
    answer = await asked(engine, tool, "freezer -path:drafts")
    assert answer.hits
    assert "drafts/law.md" not in paths(answer)
    assert "-path:drafts left out 1 passage." in answer.notes


async def test_a_query_without_a_minus_has_no_such_note(engine: Engine) -> None:
    for tool in ("search", "query"):
        answer = await asked(engine, tool, "freezer degrees")
        assert not [note for note in answer.notes if "left out" in note or "taken as" in note]


@pytest.mark.parametrize("tool", ["search", "query"])
@pytest.mark.parametrize("signs", ["✅", "?. &&", "->", "#", "!?", "…"])
async def test_a_query_of_signs_is_answered(engine: Engine, tool: Mode, signs: str) -> None:
    answer = await asked(engine, tool, signs)
    assert answer.query == signs


async def test_a_word_with_a_minus_alone_is_searched_and_what_is_advised_is_no_error(engine: Engine) -> None:
    notes = (await asked(engine, "search", "-island")).notes
    advised = 'add what should be found: other words -"island".'
    assert any(note.endswith(advised) for note in notes)
    assert "island.md" not in paths(await asked(engine, "search", 'freezer -"island"'))
