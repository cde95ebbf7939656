"""What `query` says about its own hits: verdict, relevance, phrases, and words that occur nowhere."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from qmd_mcp.application.engine import Engine
from qmd_mcp.domain.requests import SearchRequest
from tests.pages import Contrary, ask, open_pages, paths

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """Tests ask it and write nothing."""
    async with open_pages(tmp_path_factory.mktemp("pages")) as opened:
        yield opened


async def test_words_that_no_passage_has_are_named_beside_the_hits(engine: Engine) -> None:
    answer = await ask(engine, "promote the zeppelin stanbdy 今天")
    assert answer.hits
    assert answer.notes == (
        "No indexed word is 'stanbdy'; searched 'standby' instead.",
        "Nowhere in the index: 'zeppelin', '今天'.",
    )
    assert (await ask(engine, "promote the standby")).notes == ()


async def test_what_min_relevance_left_out_is_not_said_to_be_missing_from_the_collection(engine: Engine) -> None:
    answer = await ask(engine, "database", min_relevance=1.0, collections=("notes",))
    assert not answer.hits
    assert [note for note in answer.notes if "none within" in note] == []
    assert "min_relevance=1" in answer.notes[0]


async def test_the_verdict_tells_what_is_here_from_what_is_not_and_relevance_follows(engine: Engine) -> None:
    here = await ask(engine, "promote the standby when the primary database is lost", explain=True)
    elsewhere = await ask(engine, "hydration of sourdough bread")
    assert here.verdict == "good"
    assert elsewhere.verdict == "none"
    best, wrong = here.hits[0].relevance, elsewhere.hits[0].relevance
    assert best is not None
    assert wrong is not None
    assert best > 0.5 > wrong
    assert here.hits[0].explanation is not None
    assert dict(here.hits[0].explanation.features)["coverage"] > 0


async def test_a_quoted_phrase_that_is_here_is_never_said_to_be_missing(engine: Engine) -> None:
    loose = await ask(engine, "how tall are giraffes in another site of the zoo")
    quoted = await ask(engine, 'how tall are giraffes in "another site" of the zoo')
    absent = await ask(engine, 'how tall are giraffes in the "glass house" of the zoo')
    assert (loose.verdict, quoted.verdict, absent.verdict) == ("none", "weak", "none")
    assert paths(quoted) == ["backup.md"]


async def test_a_reranker_that_is_sure_of_the_first_hit_outweighs_signs_that_nothing_is_here(engine: Engine) -> None:
    question = "how tall do giraffes grow"
    alone, sure = await ask(engine, question), await ask(engine, question, reranker=Contrary())
    assert (alone.verdict, sure.verdict) == ("none", "good")
    assert sure.hits[0].relevance is not None
    assert sure.hits[0].relevance > 0.9


async def test_hits_below_min_relevance_are_left_out_and_the_answer_says_so(engine: Engine) -> None:
    answer = await ask(engine, "hydration of sourdough bread", min_relevance=0.9)
    assert answer.hits == ()
    assert answer.notes[0].startswith("Every hit is below min_relevance=0.9; the likeliest has 0.")


@pytest.mark.parametrize(
    ("phrase", "found"),
    [
        ("nights databases", []),
        ("database is dumped", ["backup.md"]),
        ("databases dumped", []),
        ("every nights", ["backup.md"]),
        ("another sites", ["backup.md"]),
        ("other site", []),
        ("site ever", []),
        ("pushing the tags", ["deploy.md"]),
    ],
)
async def test_query_and_search_agree_on_which_passages_have_a_phrase(
    engine: Engine, phrase: str, found: list[str]
) -> None:
    asked = f'"{phrase}" primary office traffic'
    by_words = await engine.searching.search(SearchRequest(asked))
    answer = await ask(engine, asked)
    if found:
        assert (paths(by_words), paths(answer)) == (found, found)
    missing = (f'No passage has "{phrase}"', f'"{phrase}" begins or ends within a word')
    denied = [any(note.startswith(missing) for note in each.notes) for each in (by_words, answer)]
    assert denied == [not found, not found]


async def test_query_and_search_agree_on_which_passages_a_negation_excludes(engine: Engine) -> None:
    asked = 'database site office -nights -"the tags"'
    answers = (await engine.searching.search(SearchRequest(asked)), await ask(engine, asked))
    assert [{"backup.md", "deploy.md"} & set(paths(each)) for each in answers] == [set(), set()]
    assert "failover.md" in paths(answers[1])


async def test_a_phrase_that_nothing_has_does_not_bring_back_what_is_negated(engine: Engine) -> None:
    asked = '"purple elephants" database office -dumped -"the tag"'
    by_words, answer = await engine.searching.search(SearchRequest(asked)), await ask(engine, asked)
    assert [{"backup.md", "deploy.md"} & set(paths(each)) for each in (by_words, answer)] == [set(), set()]
    assert answer.notes[0].startswith('No passage without dumped and the tag has "purple elephants"')
