"""Words that the index lacks and that are near to words which it has, in a real index and with the real embedder."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from qmd_mcp.application.engine import Engine
from qmd_mcp.domain.answers import Answer
from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.domain.text.term_analysis import TermAnalysis
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.vocabulary.near_word_finder import NearWordFinder
from qmd_mcp.store.generation import serving
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.stored_vocabulary import StoredVocabulary
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.term_table import TermTable
from tests.pages import ask, open_pages, paths

pytestmark = pytest.mark.anyio

PAGES = {
    "plants.md": "# Leaves\n\nPhotosynthesis is slow in the shade. Yields increase; a gardener fell accidentally.\n",
    "post.md": "# Post\n\nSend an e-mail after the set-up. The data base is copied at night.\n",
    "tools.md": "# Tools\n\nThe configuration is kept in a repository, next to `setMaxRetryCount`, for the website.\n",
    "crew.md": "# Rota\n\nKara Manning leads the mooring crew, and Ines Ottley the kitchen.\n",
    "zh.md": "# 文件\n\n请在微信里程页面删除旧的数据库备份。\n",
    "ru.md": "# Сервер\n\nПерезагрузите сервер после обновления конфигурации.\n",
    "ko.md": "# 운영\n\n서버를 재시작하고 데이터베이스를 백업했다.\n",
    "el.md": "# Φυτά\n\nΗ φωτοσύνθεση γίνεται στα φύλλα.\n",
    "Helios/RFC-0042-acme.md": "# Kick-off\n\nBudget agreed.\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
async def engine(folder: Path) -> AsyncGenerator[Engine]:
    """Tests ask it and write nothing."""
    async with open_pages(folder, PAGES) as opened:
        yield opened


async def search(engine: Engine, query: str) -> Answer:
    return await engine.searching.search(SearchRequest(query))


@pytest.mark.parametrize(
    ("query", "path", "near"),
    [
        ("photosinthesis", "plants.md", "photosynthesis"),
        ("increse", "plants.md", "increase"),  # the stem is increas
        ("accident", "plants.md", "accidentally"),  # the stemmer tells them apart
        ("config", "tools.md", "configuration"),
        ("repo", "tools.md", "repository"),
        ("email", "post.md", "e-mail"),
        ("setup", "post.md", "set-up"),
        ("database", "post.md", "data base"),
        ("web site", "tools.md", "website"),
        ("web-site", "tools.md", "website"),
        ("moring", "crew.md", "mooring"),
        ("Menning", "crew.md", "manning"),
        ("删", "zh.md", "删除"),
        ("перезагрузте", "ru.md", "перезагрузите"),
        ("конфигурация", "ru.md", "конфигурации"),
        ("데이터배이스", "ko.md", "데이터베이스"),
        ("데이터", "ko.md", "데이터베이스"),
        ("φωτοσυνθεσι", "el.md", "φωτοσύνθεση"),
    ],
)
async def test_a_word_that_no_passage_has_finds_by_the_word_that_is_near(
    engine: Engine, query: str, path: str, near: str
) -> None:
    answer = await search(engine, query)
    assert paths(answer)[:1] == [path]
    assert [note for note in answer.notes if f"searched {near!r}" in note]
    assert not [note for note in answer.notes if "Nowhere" in note]


@pytest.mark.parametrize("query", ["retry", "acme", "helios", "RFC-0042", "e-mail", "信里", '"信里"'])
async def test_what_stands_in_names_labels_or_within_longer_words_is_found_and_not_denied(
    engine: Engine, query: str
) -> None:
    answer = await search(engine, query)
    assert answer.hits
    assert answer.notes == ()
    meant = await ask(engine, query)
    assert not [note for note in meant.notes if "Nowhere" in note or "No passage" in note]


@pytest.mark.parametrize("query", ["zeppelin", "bread", "vault 2025x", "天气", "самолёт", "비행기", "αεροπλάνο"])
async def test_what_no_text_has_is_said_to_be_nowhere_and_nothing_is_searched_for_it(
    engine: Engine, query: str
) -> None:
    answer = await search(engine, query)
    assert not answer.hits
    assert answer.notes[0].startswith("Nowhere in the index: ")
    assert not [note for note in answer.notes if "searched" in note]


async def test_a_number_or_a_code_is_not_taken_for_another(engine: Engine) -> None:
    answer = await search(engine, "RFC-0043")
    assert not [note for note in answer.notes if "searched" in note]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("how does photosinthesis work in the shade", "how does photosynthesis work in the shade"),
        ("who leads the moring crew", "who leads the mooring crew"),
        ("where is the config kept", "where is the configuration kept"),
    ],
)
async def test_a_typing_error_makes_no_verdict_none(engine: Engine, wrong: str, right: str) -> None:
    answer, meant = await ask(engine, wrong), await ask(engine, right)
    assert paths(answer)[:1] == paths(meant)[:1]
    assert answer.verdict in {"good", "weak"}


@pytest.mark.parametrize("query", ["which crew does Karla Menning lead", "which kitchen does Ines Ottlay lead"])
async def test_the_name_of_somebody_else_gives_no_confident_answer(engine: Engine, query: str) -> None:
    answer = await ask(engine, query)
    assert answer.verdict != "good"
    assert answer.hits[0].relevance is not None
    assert answer.hits[0].relevance < 0.5
    assert "searched" in answer.notes[0]


async def test_parts_of_names_of_code_count_as_words_of_the_passage(engine: Engine) -> None:
    answer = await ask(engine, "max retry count")
    assert paths(answer)[:1] == ["tools.md"]
    assert answer.verdict != "none"


@asynccontextmanager
async def finder_of(folder: Path) -> AsyncGenerator[NearWordFinder]:
    """Finds near words in the index of the pages in a folder."""
    database = await Database.open(str(folder / "index"))
    generation = await serving(database)
    assert generation is not None
    passages = await PassageTable.open(database, fingerprint=generation.fingerprint, dimension=generation.dimension)
    vocabulary = StoredVocabulary(passages=passages, terms=await TermTable.open(database))
    yield NearWordFinder(vocabulary, analysis=TermAnalysis(vocabulary.terms_of))
    database.close()


async def expanded(finder: NearWordFinder, beginning: str) -> tuple[LexicalQuery, list[str]]:
    parsed = ParsedQuery(text=f"{beginning} node", lexical=LexicalQuery(("node",)), prefixes=(beginning,))
    near = await finder.of(parsed)
    return near.applied(parsed).lexical, near.notes()


@pytest.mark.parametrize(
    ("beginning", "words"),
    [
        ("photo", ("photosynthesis",)),
        ("Increasi", ()),
        ("Ines", ("ines",)),
        ("删", ("删除",)),
        ("перез", ("перезагрузите",)),
        ("데이", ("데이터베이스",)),
        ("φωτοσύν", ("φωτοσύνθεση",)),
        ("set-u", ("set-up",)),
        ("zeppel", ()),
    ],
)
async def test_a_wildcard_stands_for_the_words_that_begin_so(
    engine: Engine, folder: Path, beginning: str, words: tuple[str, ...]
) -> None:
    async with finder_of(folder) as finder:
        query, notes = await expanded(finder, beginning)
    named = f"'{beginning}*' stands for {words[0]!r}." if words else f"No indexed word begins with {beginning!r}."
    assert (query.words, notes) == (("node", *words), [named])


async def test_the_words_of_a_wildcard_are_found_by_search_and_query(engine: Engine) -> None:
    for asked in (search, ask):
        answer = await asked(engine, "photosyn* shade")
        assert paths(answer)[:1] == ["plants.md"]
        assert "'photosyn*' stands for 'photosynthesis'." in answer.notes
        assert not [note for note in answer.notes if "Nowhere" in note]


async def test_of_the_many_words_of_a_wildcard_the_most_frequent_are_searched_and_all_are_counted(
    tmp_path: Path,
) -> None:
    names = [f"graph{letter}um" for letter in "abcdefghijklmnopqrstuvwxyz"]
    pages = {f"{number}.md": f"Something about {name}.\n" for number, name in enumerate(names)}
    async with open_pages(tmp_path, {**pages, "most.md": "The graphtum is here.\n"}), finder_of(tmp_path) as finder:
        query, (note,) = await expanded(finder, "graph")
    assert query.words == ("node", "graphtum")
    assert len(query.near) == 19
    assert note.startswith(
        "'graph*' stands for 26 words of the index; searched the 20 most frequent, such as 'graphtum', "
    )


async def test_a_phrase_is_denied_only_after_the_whole_index_was_asked_for_it(engine: Engine) -> None:
    for asked in (search, ask):
        assert "No passage has" not in " ".join((await asked(engine, '"mooring crew"')).notes)
        assert "No passage has" not in " ".join((await asked(engine, '"gardener fell accident"')).notes)
        denied = await asked(engine, '"mooring kitchen" crew')
        assert 'No passage has "mooring kitchen"; these are nearest in words and meaning.' in denied.notes
        limited = await asked(engine, '"mooring crew" path:post e-mail')
        assert not [note for note in limited.notes if note.startswith("No passage has")]


async def test_380_unknown_words_are_answered_with_few_of_them_replaced(engine: Engine) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [f"increas{first}{second}" for first in letters for second in letters][:380]
    answer = await search(engine, " ".join(words))
    assert paths(answer) == ["plants.md"]
    assert answer.notes[-1] == "7 more words of the query were replaced by near ones."
