"""Signs in phrases, names that are not there, and queries of signs alone, over a real index."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from qmd_mcp.application.engine import Engine
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from tests.pages import open_pages

pytestmark = pytest.mark.anyio

FILES = {
    "plus.md": "# Languages\n\nThe engine is written in C++ and a little Lua.\n",
    "plain.md": "# Grades\n\nThe C grade and the B grade are both a pass.\n",
    "errors.md": "# Errors\n\nERR_GATE_503 says that the gate is closed; wait for the keeper.\n",
    "crops.md": "---\ntags: [orchard]\n---\n# Crops\n\n🍅 ripen in August.\n",
    "FooBarBaz.md": "# Nothing\n\nhere\n",
}


@pytest.fixture(scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """Tests ask it and write nothing."""
    async with open_pages(tmp_path_factory.mktemp("pages"), FILES) as opened:
        yield opened


@pytest.mark.parametrize("query", ['"C++"', '"in C++"'])
async def test_a_phrase_with_signs_is_found_with_its_signs_alone(engine: Engine, query: str) -> None:
    searched = await engine.searching.search(SearchRequest(query))
    asked = await engine.searching.query(QueryRequest(query))
    assert [[hit.path for hit in answer.hits] for answer in (searched, asked)] == [["plus.md"], ["plus.md"]]


async def test_a_negated_phrase_with_signs_leaves_out_what_has_the_signs(engine: Engine) -> None:
    answer = await engine.searching.search(SearchRequest('grade engine -"C++"'))
    assert [hit.path for hit in answer.hits] == ["plain.md"]


async def test_a_code_that_the_best_hit_lacks_is_never_answered_well(engine: Engine) -> None:
    there = await engine.searching.query(QueryRequest("what does ERR_GATE_503 mean"))
    missing = await engine.searching.query(QueryRequest("what does ERR_GATE_504 mean"))
    first, second = there.hits[0], missing.hits[0]
    assert first.path == second.path == "errors.md"
    assert first.relevance is not None
    assert second.relevance is not None
    assert second.relevance < first.relevance
    assert missing.verdict != "good"


async def test_a_query_of_signs_is_answered_by_the_signs(engine: Engine) -> None:
    there = await engine.searching.query(QueryRequest("🍅"))
    missing = await engine.searching.query(QueryRequest("🦄"))
    assert ([hit.path for hit in there.hits], there.verdict) == (["crops.md"], None)
    assert (missing.hits, missing.notes[0]) == ((), "Nowhere in the index: '🦄'.")


@pytest.mark.parametrize(("query", "path"), [("orchard", "crops.md"), ("FooBarBaz", "FooBarBaz.md")])
async def test_what_stands_in_tags_and_names_is_not_denied(engine: Engine, query: str, path: str) -> None:
    answer = await engine.searching.query(QueryRequest(query))
    assert answer.hits[0].path == path
    assert answer.verdict != "none"
    assert not [note for note in answer.notes if note.startswith("Nowhere")]


async def test_a_path_may_begin_with_the_collection_as_answers_show_it(engine: Engine) -> None:
    answer = await engine.searching.search(SearchRequest("grade path:notes/plain.md"))
    assert [hit.path for hit in answer.hits] == ["plain.md"]


async def test_a_beginning_that_is_longer_than_the_stem_is_found(engine: Engine) -> None:
    answer = await engine.searching.search(SearchRequest("ripe* writte*"))
    assert {hit.path for hit in answer.hits} == {"crops.md", "plus.md"}


async def test_text_that_is_no_unicode_selects_nothing(engine: Engine) -> None:
    assert (await engine.searching.search(SearchRequest("grade", tags=("\ud800",)))).hits == ()
