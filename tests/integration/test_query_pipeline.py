"""The pipeline over a real index, with models whose answers are known beforehand."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import numpy as np
import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.domain.answers import Answer, Stage
from qmd_mcp.domain.documents import Collection, SubQuery
from qmd_mcp.domain.lookup import Expansion, Reranking
from qmd_mcp.domain.requests import QueryRequest, sub_queries
from qmd_mcp.errors import ArgumentError, ModelError
from qmd_mcp.retrieval.query_pipeline import QueryPipeline
from qmd_mcp.settings import IndexLocation, Settings

pytestmark = pytest.mark.anyio

PAGES = {
    "failover.md": "# Failover\n\nWhen the primary database is lost, promote the standby with pg_ctl promote.\n",
    "backup.md": "# Backups\n\nEvery night the database is dumped and copied to another site.\n",
    "vacation.md": "# Vacation\n\nAsk the office two weeks before you leave.\n",
    "deploy.md": "# Deploying\n\nPush the tag, wait for the pipeline, then switch the traffic over.\n",
}


class Contrary:
    """Likes best what has the fewest of the query's words, surer than a real one, and keeps what it was asked."""

    provider = "CPUExecutionProvider"

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...], str | None]] = []

    async def score(self, query: str, texts: Sequence[str], *, intent: str | None) -> Reranking:
        self.asked.append((query, tuple(texts), intent))
        words = set(query.lower().split())
        logits = [48.0 - 24.0 * len(words & set(text.lower().split())) for text in texts]
        return Reranking(np.array(logits, dtype=np.float32), batches=(len(texts),))


class Endless:
    """Never answers."""

    provider = "CPUExecutionProvider"

    async def score(self, query: str, texts: Sequence[str], *, intent: str | None) -> Reranking:
        await anyio.sleep_forever()
        raise AssertionError

    async def expand(self, query: str) -> Expansion:
        await anyio.sleep_forever()
        raise AssertionError

    def forget(self, query: str) -> None:
        raise AssertionError


class Knowing:
    """Expands every query to the same lines."""

    provider = "CPUExecutionProvider"

    def __init__(self, *lines: SubQuery) -> None:
        self.lines = lines
        self.forgotten: list[str] = []

    async def expand(self, query: str) -> Expansion:
        return Expansion(self.lines)

    def forget(self, query: str) -> None:
        self.forgotten.append(query)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncGenerator[Engine]:
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, text in PAGES.items():
        (folder / name).write_text(text)
    settings = Settings(refresh_seconds=3600)
    async with open_engine(settings, IndexLocation(str(tmp_path / "index")), create=True) as opened:
        await opened.writing.add_collection(Collection("notes", folder, ("**/*.md",)))
        await opened.writing.update()
        yield opened


async def ask(engine: Engine, query: str, **changes: object) -> Answer:
    """Ask a pipeline with other models, or with other arguments."""
    models = {name: changes.pop(name) for name in ("reranker", "expander") if name in changes}
    pipeline: QueryPipeline = engine.searching.searches._pipeline
    if "expander" in models:
        pipeline = replace(pipeline, gathering=replace(pipeline.gathering, expander=models["expander"]))
    if "reranker" in models:
        pipeline = replace(pipeline, reranker=models["reranker"])
    request = QueryRequest(query, **changes)
    return await pipeline.answer(request, collections=await engine.collections())


def stage(answer: Answer, name: str) -> Stage:
    (found,) = (each for each in answer.stages if each.name == name)
    return found


def paths(answer: Answer) -> list[str]:
    return [hit.path for hit in answer.hits]


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


async def test_words_that_no_passage_has_are_named_beside_the_hits(engine: Engine) -> None:
    answer = await ask(engine, "promote the zeppelin stanbdy 今天")
    assert answer.hits
    assert answer.notes == ("Nowhere in the index: 'zeppelin', 'stanbdy' (nearest: standby), '今天'.",)
    assert (await ask(engine, "promote the standby")).notes == ()


async def test_late_interaction_can_be_set_off(engine: Engine, tmp_path: Path) -> None:
    ran = await ask(engine, "database")
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


async def test_a_cursor_notices_that_what_came_before_it_is_another(engine: Engine, tmp_path: Path) -> None:
    first = await ask(engine, "database", limit=1)
    (tmp_path / "notes" / first.hits[0].path).unlink()
    await engine.writing.update()
    answer = await ask(engine, "database", limit=1, cursor=first.cursor)
    assert answer.notes[0].startswith("The index has changed since")


async def test_a_part_of_a_passage_names_its_own_lines(engine: Engine) -> None:
    (hit,) = (await ask(engine, "promote the standby", limit=1, max_tokens=50)).hits
    assert (hit.path, hit.snippet, hit.start_line, hit.end_line) == ("failover.md", "# Failover", 1, 1)


async def test_what_min_relevance_left_out_is_not_said_to_be_missing_from_the_collection(engine: Engine) -> None:
    answer = await ask(engine, "database", min_relevance=1.0, collections=("notes",))
    assert not answer.hits
    assert [note for note in answer.notes if "none within" in note] == []
    assert "min_relevance=1" in answer.notes[0]


async def test_what_an_update_is_just_removing_decides_nothing(engine: Engine) -> None:
    documents = await engine._index.documents.all()
    await engine._index.documents.remove([each.key for each in documents if each.path == "failover.md"])
    answer = await ask(engine, "promote the standby when the primary database is lost", reranker=Contrary())
    assert "failover.md" not in paths(answer)
    assert stage(answer, "rerank").batches == (3,)
    await engine._index.documents.remove([each.key for each in documents])
    nothing = await ask(engine, "promote the standby when the primary database is lost")
    assert (nothing.hits, nothing.verdict) == ((), "none")


async def test_without_candidates_every_stage_says_that_nothing_was_found(engine: Engine) -> None:
    answer = await ask(engine, "path:nowhere backup", reranker=Contrary())
    reasons = {name: stage(answer, name).reason for name in ("late interaction", "rerank")}
    assert reasons == dict.fromkeys(reasons, "nothing was found")


class Broken:
    """Cannot be loaded."""

    provider = None

    async def score(self, query: str, texts: Sequence[str], *, intent: str | None) -> Reranking:
        raise ModelError(BROKEN)

    async def expand(self, query: str) -> Expansion:
        raise ModelError(BROKEN)

    def forget(self, query: str) -> None:
        raise AssertionError


BROKEN = "The model file model.onnx cannot be loaded: it is damaged"


async def test_a_model_that_cannot_be_loaded_costs_its_stage_and_not_the_answer(engine: Engine) -> None:
    answer = await ask(engine, "how are holidays arranged", expander=Broken(), reranker=Broken())
    assert answer.hits
    assert stage(answer, "expand").reason == stage(answer, "rerank").reason == BROKEN


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
    loose = await ask(engine, "how tall are giraffes in the other site of the zoo")
    quoted = await ask(engine, 'how tall are giraffes in the "other site" of the zoo')
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
