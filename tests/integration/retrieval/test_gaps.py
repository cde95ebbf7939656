"""What an answer says instead of `none` while the index does not have all that the files have."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from qmd_mcp.application.engine import Engine
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.presentation.rendering import render
from qmd_mcp.store.writer_lock import WriterLock
from tests.pages import Contrary, ask, open_pages, paths

pytestmark = pytest.mark.anyio

ELSEWHERE = "hydration of sourdough bread"
EMBED = "run qmd-mcp embed"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncGenerator[Engine]:
    async with open_pages(tmp_path) as opened:
        yield opened


def saying(notes: tuple[str, ...], part: str) -> list[str]:
    return [note for note in notes if part in note]


async def test_with_everything_at_hand_the_verdict_may_be_none(engine: Engine) -> None:
    answer = await ask(engine, ELSEWHERE)
    assert answer.verdict == "none"
    assert len(answer.notes) == 1


async def test_without_vectors_nothing_is_judged_and_the_answer_says_how_to_get_them(tmp_path: Path) -> None:
    async with open_pages(tmp_path, embed=False) as engine:
        here, elsewhere = await ask(engine, "when is the database dumped"), await ask(engine, ELSEWHERE)
        read = await ask(engine, "when is the database dumped", reranker=Contrary())
        unlimited = await ask(engine, "when is the database dumped", min_relevance=0.5)
        meaning = await engine.searching.vsearch(SearchRequest("database"))
        status = render(await engine.status())
    assert paths(here)[0] == paths(unlimited)[0] == "backup.md"
    assert [hit.relevance for hit in here.hits] == [None] * len(here.hits)
    assert (here.verdict, elsewhere.verdict) == (None, "weak")
    assert read.hits[0].relevance is not None
    for answer in (here, elsewhere, meaning):
        assert saying(answer.notes, EMBED)
    assert "4 documents, 4 passages (none embedded yet)" in status


async def test_one_passage_without_a_vector_has_no_relevance_and_keeps_the_verdict_from_none(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "notes" / "bread.md").write_text("# Bread\n\nThe hydration of sourdough is 70 percent.\n")
    await engine.writing.update(embed=False)
    answer, other = await ask(engine, ELSEWHERE), await ask(engine, "how tall are giraffes")
    assert paths(answer)[0] == "bread.md"
    assert [hit.relevance is None for hit in answer.hits] == [hit.path == "bread.md" for hit in answer.hits]
    assert (answer.verdict, other.verdict) == ("weak", "weak")
    assert saying(other.notes, f"1 of 5 passages are not embedded yet: {EMBED}")
    await engine.writing.embed()
    assert (await ask(engine, ELSEWHERE)).verdict == "good"
    assert (await ask(engine, "how tall are giraffes")).verdict == "none"


async def test_while_the_index_is_written_no_answer_is_final_and_the_status_says_so(
    engine: Engine, tmp_path: Path
) -> None:
    async with WriterLock(str(tmp_path / "index")).held():
        answer, words = await ask(engine, ELSEWHERE), await engine.searching.search(SearchRequest("sourdough"))
        status = await engine.status()
    assert answer.verdict == "weak"
    for notes in (answer.notes, words.notes, status.notes):
        assert saying(notes, "The index is being written by process ")
        assert saying(notes, "(since ")
    assert (await engine.status()).notes == ()
    assert (await ask(engine, ELSEWHERE)).verdict == "none"


async def test_a_word_of_a_passage_that_an_update_has_just_written_is_not_denied(engine: Engine) -> None:
    (passage,) = [each for each in await engine.passages() if each.path == "backup.md"]
    await engine._index.passages.add([replace(passage, docid="0" * 32, text="A zeppelin landed.")], [None])
    for query in ("zeppelin", "zepelin"):
        assert not saying((await engine.searching.search(SearchRequest(query))).notes, "'zeppelin'")
        assert not saying((await ask(engine, f"when is the {query} dumped")).notes, "'zeppelin'")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("bread.md", "# Bread\n\nSourdough.\n", "notes/bread.md (new)"),
        ("deep/面包.md", "# 面包\n", "notes/deep/面包.md (new)"),
        ("vacation.md", "# Vacation\n\nBake sourdough.\n", "notes/vacation.md (changed)"),
        ("vacation.md", None, "notes/vacation.md (deleted)"),
    ],
)
async def test_files_that_changed_since_the_update_are_named_before_anything_is_denied(
    engine: Engine, tmp_path: Path, name: str, text: str | None, told: str
) -> None:
    path = tmp_path / "notes" / name
    if text is None:
        path.unlink()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    answer, words = await ask(engine, "how tall are giraffes"), await engine.searching.search(SearchRequest("giraffes"))
    assert answer.verdict == "weak"
    for each in (answer, words):
        assert saying(each.notes, f"such as {told}: run qmd-mcp update")
    await engine.writing.update()
    assert (await ask(engine, "how tall are giraffes")).verdict == "none"


async def test_files_that_are_never_indexed_or_only_touched_are_no_changes(engine: Engine, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    (notes / "empty.md").write_text("")
    (notes / "data.md").write_bytes(bytes(range(256)) * 40)
    (notes / "other.png").write_bytes(b"png")
    page = notes / "vacation.md"
    page.write_bytes(page.read_bytes())
    answer = await ask(engine, "how tall are giraffes")
    assert (answer.verdict, saying(answer.notes, "changed")) == ("none", [])


async def test_only_the_files_of_the_asked_collections_are_looked_at(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "notes" / "bread.md").write_text("# Bread\n\nSourdough.\n")
    assert not await engine.gaps.changed_files(["other"])
    assert await engine.gaps.changed_files(["notes"])


@pytest.mark.parametrize(
    ("pages", "question", "script"),
    [
        ({"a.md": "# 备份\n\n每天晚上把数据库备份到另一个地点。\n"}, "how tall are giraffes", "most in Hani"),
        ({"a.md": "# Сервер\n\nПерезагрузите сервер ночью.\n"}, "how tall are giraffes", "most in Cyrl"),
        ({"a.md": "# 운영\n\n서버를 재시작하고 데이터베이스를 백업했다.\n"}, "how tall are giraffes", "most in Hang"),
        ({"a.md": "# Backups\n\nEvery night the database is dumped.\n"}, "长颈鹿有多高", "the query is in Hani"),
    ],
)
async def test_scripts_that_the_embedder_does_not_know_allow_no_verdict_none(
    tmp_path: Path, pages: dict[str, str], question: str, script: str
) -> None:
    async with open_pages(tmp_path, pages) as engine:
        answer = await ask(engine, question)
    assert answer.verdict == "weak"
    assert saying(answer.notes, script)
    assert saying(answer.notes, "qmd-mcp update --embedder NAME")


async def test_a_passage_in_a_script_that_the_embedder_does_not_know_has_no_relevance(tmp_path: Path) -> None:
    pages = {"zh.md": "# 备份\n\n数据库每天晚上备份。\n", "en.md": "# Leave\n\nAsk the office before you leave.\n"}
    async with open_pages(tmp_path, pages) as engine:
        answer = await ask(engine, "when may I leave the office")
    assert {hit.path: hit.relevance is None for hit in answer.hits} == {"en.md": False, "zh.md": True}
