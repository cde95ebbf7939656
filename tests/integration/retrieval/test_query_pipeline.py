"""The stages of `query` over a real index, with models whose answers are known beforehand."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.domain.documents import SubQuery
from qmd_mcp.domain.requests import sub_queries
from qmd_mcp.errors import ArgumentError
from qmd_mcp.settings import IndexLocation, Settings
from tests.pages import BROKEN, PAGES, Broken, Contrary, Endless, Knowing, ask, open_pages, paths, stage

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """Tests ask it and write nothing."""
    async with open_pages(tmp_path_factory.mktemp("pages")) as opened:
        yield opened


@pytest.fixture
async def own(tmp_path: Path) -> AsyncGenerator[Engine]:
    """For a test that writes."""
    async with open_pages(tmp_path) as opened:
        yield opened


async def test_without_models_the_answer_says_what_did_not_run_and_why(engine: Engine) -> None:
    answer = await ask(engine, "promote the standby")
    assert paths(answer)[0] == "failover.md"
    assert stage(answer, "rerank").reason == "no model for it here that is fast enough: qmd-mcp models list"
    assert stage(answer, "expand").reason == "no model for it here that is fast enough: qmd-mcp models list"


async def test_a_reranker_that_is_sure_leads_and_reads_the_breadcrumb_and_the_intent(engine: Engine) -> None:
    reranker = Contrary()
    before = await ask(engine, "the database is lost")
    answer = await ask(engine, "the database is lost", reranker=reranker, intent="holidays")
    assert paths(before)[0] == "failover.md"
    assert paths(answer)[0] != "failover.md"
    assert [hit.score for hit in answer.hits] == sorted((hit.score for hit in answer.hits), reverse=True)
    ((query, texts, intent),) = reranker.asked
    assert (query, intent) == ("the database is lost", "holidays")
    assert any(text.startswith("Failover\n") for text in texts)
    ran = stage(answer, "rerank")
    assert (ran.ran, ran.provider, ran.batches) == (True, "CPUExecutionProvider", (4,))


async def test_only_so_many_candidates_are_reranked_and_the_rest_stays_behind(engine: Engine) -> None:
    before = await ask(engine, "the database is lost")
    answer = await ask(engine, "the database is lost", reranker=Contrary(), candidate_limit=2)
    assert set(paths(answer)[:2]) == set(paths(before)[:2])
    assert paths(answer)[2:] == paths(before)[2:]
    assert stage(answer, "rerank").batches == (2,)


async def test_rerank_false_leaves_fusion_s_order(engine: Engine) -> None:
    answer = await ask(engine, "the database is lost", reranker=Contrary(), rerank=False)
    assert paths(answer) == paths(await ask(engine, "the database is lost"))
    assert stage(answer, "rerank").reason == "rerank=false"


async def test_stages_that_find_no_time_are_left_out_and_the_answer_comes(engine: Engine) -> None:
    with anyio.fail_after(20):
        answer = await ask(engine, "promote standby soon", expander=Endless(), reranker=Endless(), timeout_ms=200)
    assert paths(answer)[0] == "failover.md"
    assert stage(answer, "rerank").reason == "no time for it within timeout_ms=200"
    assert not stage(answer, "rerank").ran


async def test_what_a_sub_query_finds_comes_behind_agreement_and_is_explained(engine: Engine) -> None:
    lines = sub_queries(["lex: office weeks", "hyde: Before a holiday the office must be asked."])
    answer = await ask(engine, "promote standby", searches=lines, explain=True)
    assert paths(answer)[0] == "failover.md"
    assert [line.line for line in answer.lines] == [f"{line.kind}: {line.text}" for line in lines]
    assert answer.lines[0].found == 1
    (vacation,) = (hit for hit in answer.hits if hit.path == "vacation.md")
    assert vacation.explanation is not None
    assert "lex: office weeks" in vacation.explanation.supported_by
    assert answer.hits[0].explanation is not None
    assert answer.hits[0].explanation.lexical_rank == 1


async def test_an_expansion_that_finds_nothing_is_forgotten(engine: Engine) -> None:
    expander = Knowing(SubQuery("lex", "zeppelin"))
    answer = await ask(engine, "how are holidays arranged here", expander=expander)
    assert stage(answer, "expand").ran
    assert expander.forgotten == ["how are holidays arranged here"]


async def test_a_budget_packs_whole_passages_and_the_cursor_goes_on(engine: Engine) -> None:
    whole = await ask(engine, "database")
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(10):
        answer = await ask(engine, "database", max_tokens=90, cursor=cursor)
        seen += [hit.snippet for hit in answer.hits]
        cursor = answer.cursor
        if cursor is None:
            break
    assert len(seen) >= len(whole.hits) > 1
    text = "\n".join(seen)
    assert all(PAGES[hit.path].split("\n\n")[1].strip().split(".")[0] in text for hit in whole.hits)


async def test_late_interaction_can_be_set_off(own: Engine, tmp_path: Path) -> None:
    ran = await ask(own, "database")
    assert stage(ran, "late interaction").ran
    async with open_engine(Settings(late_interaction=False), IndexLocation(str(tmp_path / "index"))) as without:
        left_out = stage(await ask(without, "database"), "late interaction")
    assert (left_out.ran, left_out.reason) == (False, "late_interaction is off")


async def test_a_cursor_goes_on_where_the_limit_cut(engine: Engine) -> None:
    whole = await ask(engine, "database")
    first = await ask(engine, "database", limit=1)
    second = await ask(engine, "database", limit=3, cursor=first.cursor)
    assert paths(first) + paths(second) == paths(whole)
    with pytest.raises(ArgumentError, match="another question"):
        await ask(engine, "vacation", cursor=first.cursor)


async def test_a_cursor_goes_on_to_the_last_candidate_and_shows_each_once(engine: Engine) -> None:
    whole = await ask(engine, "database")
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(len(PAGES)):
        answer = await ask(engine, "database", limit=1, cursor=cursor)
        seen += paths(answer)
        cursor = answer.cursor
        if cursor is None:
            break
    assert seen == paths(whole)
    assert cursor is None


async def test_a_cursor_notices_that_what_came_before_it_is_another(own: Engine, tmp_path: Path) -> None:
    first = await ask(own, "database", limit=1)
    (tmp_path / "notes" / first.hits[0].path).unlink()
    await own.writing.update()
    answer = await ask(own, "database", limit=1, cursor=first.cursor)
    assert answer.notes[0].startswith("The index has changed since")


async def test_a_part_of_a_passage_names_its_own_lines(engine: Engine) -> None:
    first = await ask(engine, "promote the standby", limit=1, max_tokens=50)
    (hit,) = first.hits
    assert (hit.path, hit.start_line, hit.end_line) == ("failover.md", 3, 3)
    assert hit.snippet.startswith("…\nWhen the primary")
    (later,) = (await ask(engine, "promote the standby", limit=1, max_tokens=400, cursor=first.cursor)).hits
    assert (later.path, later.start_line, later.end_line) == ("failover.md", 3, 3)


async def test_what_an_update_is_just_removing_decides_nothing(own: Engine) -> None:
    documents = await own._index.documents.all()
    await own._index.documents.remove([each.key for each in documents if each.path == "failover.md"])
    answer = await ask(own, "promote the standby when the primary database is lost", reranker=Contrary())
    assert "failover.md" not in paths(answer)
    assert stage(answer, "rerank").batches == (3,)
    await own._index.documents.remove([each.key for each in documents])
    nothing = await ask(own, "promote the standby when the primary database is lost")
    assert (nothing.hits, nothing.verdict) == ((), "weak")  # the files are there, so that the index is not complete


async def test_without_candidates_every_stage_says_that_nothing_was_found(engine: Engine) -> None:
    answer = await ask(engine, "path:nowhere backup", reranker=Contrary())
    reasons = {name: stage(answer, name).reason for name in ("late interaction", "rerank")}
    assert reasons == dict.fromkeys(reasons, "nothing was found")


async def test_a_model_that_cannot_be_loaded_costs_its_stage_and_not_the_answer(engine: Engine) -> None:
    answer = await ask(engine, "how are holidays arranged", expander=Broken(), reranker=Broken())
    assert answer.hits
    assert stage(answer, "expand").reason == stage(answer, "rerank").reason == BROKEN
