"""Passages and their terms in a real LanceDB, found by words and by vector."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from qmd_mcp.domain.documents import Passage, docid_of
from qmd_mcp.domain.lookup import LexicalQuery, Scope
from qmd_mcp.domain.text.searched_text import SearchedText
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.lance.schema import TERMS
from qmd_mcp.store.tables.passage_table import LOOKUP_BATCH, PassageTable
from qmd_mcp.store.tables.term_ledger import TermLedger
from qmd_mcp.store.tables.term_table import TermTable
from qmd_mcp.store.tables.vector_scan import COMPARED_IN_SCOPE

pytestmark = pytest.mark.anyio

DIMENSION = 4
EVERYWHERE = Scope()


def passage(path: str, text: str, *, collection: str = "notes", title: str = "", ordinal: int = 0) -> Passage:
    return Passage(
        docid=docid_of(collection, path, "hash"),
        collection=collection,
        path=path,
        title=title,
        ordinal=ordinal,
        heading=("A heading",),
        breadcrumb=title,
        text=text,
        start_line=1,
        end_line=2,
        start_char=0,
        end_char=len(text),
    )


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


CORPUS = (
    passage("a.md", "The connection was refused: ERR_CONN_REFUSED", title="Network errors"),
    passage("b.md", "Use os.path.join and foo_bar in C++ or Python 3.11"),
    passage("c.md", "数据库连接超时，请检查配置", title="数据库"),
    passage("d.md", "The quick brown fox jumps over the lazy dog", collection="other"),
    passage("code/e.py", "def getUserName(maxRetryCount): return maxRetryCount"),
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.create(str(tmp_path / "index"))
    yield database
    database.close()


@pytest.fixture
async def passages(database: Database) -> PassageTable:
    table = await PassageTable.open(database, fingerprint="f1", dimension=DIMENSION)
    await table.add(CORPUS, [unit(1, 0, 0, 0), unit(1, 1, 0, 0), unit(0, 1, 0, 0), unit(0, 0, 1, 0), None])
    return table


async def found(table: PassageTable, *words: str, scope: Scope = EVERYWHERE, **query: tuple[str, ...]) -> list[str]:
    ranking = await table.lexical(LexicalQuery(words, **query), scope=scope, limit=10, vectors="without")
    return [each.path for each in ranking.passages]


@pytest.mark.parametrize(
    ("word", "path"),
    [
        ("refused", "a.md"),
        ("ERR_CONN_REFUSED", "a.md"),
        ("err_conn", "a.md"),
        ("join", "b.md"),
        ("os.path.join", "b.md"),
        ("foo_bar", "b.md"),
        ("C++", "b.md"),
        ("3.11", "b.md"),
        ("连接超时", "c.md"),
        ("jumping", "d.md"),
        ("retry", "code/e.py"),
        ("maxRetryCount", "code/e.py"),
        ("username", "code/e.py"),
    ],
)
async def test_words_names_and_chinese_find_their_passage_first(passages: PassageTable, word: str, path: str) -> None:
    await passages.optimize()
    if word == "username":
        word = "getUserName"
    assert (await found(passages, word))[:1] == [path]


async def test_rows_that_are_not_indexed_yet_are_found_too(passages: PassageTable) -> None:
    await passages.optimize()
    await passages.add([passage("new.md", "A zeppelin landed")], [None])
    assert await found(passages, "zeppelin") == ["new.md"]


async def test_phrases_must_occur_and_negatives_must_not(passages: PassageTable) -> None:
    assert await found(passages, phrases=("brown fox",)) == ["d.md"]
    assert await found(passages, phrases=("fox brown",)) == []
    assert await found(passages, phrases=("连接超时",)) == ["c.md"]
    assert await found(passages, "connection", "fox", negatives=("lazy",)) == ["a.md"]
    assert "b.md" in await found(passages, "python", "refused", negatives=("ERR_CONN_REFUSED",))
    assert "a.md" not in await found(passages, "python", "refused", negatives=("ERR_CONN_REFUSED",))


async def test_a_scope_is_applied_before_the_limit(passages: PassageTable) -> None:
    many = [passage(f"fox{number}.md", "fox " * 5) for number in range(50)]
    await passages.add(many, [unit(0, 0, 1, 0.01)] * 50)
    await passages.optimize()
    other = Scope(collections=("other",))
    assert await found(passages, "fox", scope=other) == ["d.md"]
    dense = await passages.dense(unit(0, 0, 1, 0), scope=other, limit=1)
    assert [each.path for each in dense.passages] == ["d.md"]
    assert await found(passages, "maxRetryCount", scope=Scope(paths=("CODE/",))) == ["code/e.py"]
    assert await found(passages, "refused", scope=Scope(titles=("network",))) == ["a.md"]
    assert await found(passages, "refused", scope=Scope(paths=("%",))) == []
    assert await found(passages, "refused", scope=Scope(collections=("o'brien",))) == []


async def test_a_stored_passage_comes_back_equal_with_its_vector(passages: PassageTable) -> None:
    ranking = await passages.lexical(LexicalQuery(("refused",)), scope=EVERYWHERE, limit=1, vectors="with")
    assert ranking.passages == CORPUS[:1]
    assert ranking.vectors[0] == pytest.approx(unit(1, 0, 0, 0))


async def test_dense_retrieval_scores_by_cosine_and_skips_what_is_not_embedded(passages: PassageTable) -> None:
    ranking = await passages.dense(unit(1, 0, 0, 0), scope=EVERYWHERE, limit=10)
    assert [each.path for each in ranking.passages[:2]] == ["a.md", "b.md"]
    assert ranking.scores[:2] == pytest.approx([1.0, 0.5**0.5], abs=1e-4)
    assert "code/e.py" not in [each.path for each in ranking.passages]


async def test_an_approximate_index_loses_no_small_collection(database: Database) -> None:
    table = await PassageTable.open(database, fingerprint="f2", dimension=16, exact_scan_limit=1_000)
    random = np.random.default_rng(7)
    vectors = random.standard_normal((2_000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    small = {3, 900, 1_999}
    rows = [passage(f"{row}.md", "x", collection="small" if row in small else "large") for row in range(2_000)]
    await table.add(rows, list(vectors))
    await table.optimize()
    assert await table._has_vector_index()
    for row in (0, 3, 1_000):
        assert (await table.dense(vectors[row], scope=EVERYWHERE, limit=1)).passages[0].path == f"{row}.md"
    within = await table.dense(vectors[0], scope=Scope(collections=("small",)), limit=10)
    assert {each.path for each in within.passages} == {f"{row}.md" for row in small}


async def test_a_large_scope_of_an_approximate_index_has_its_nearest_passages_and_no_others(database: Database) -> None:
    table = await PassageTable.open(database, fingerprint="f2", dimension=16, exact_scan_limit=1_000)
    count = COMPARED_IN_SCOPE + 1_000
    vectors = np.random.default_rng(7).standard_normal((count, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    outside = range(0, count, 8)
    rows = [passage(f"{row}.md", "x", collection="other" if row in outside else "notes") for row in range(count)]
    await table.add(rows, list(vectors))
    await table.optimize()
    assert await table._has_vector_index()

    for row in (1, 1_001, 2_002):
        within = await table.dense(vectors[row], scope=Scope(collections=("notes",)), limit=100)
        assert (within.passages[0].path, len(within.passages)) == (f"{row}.md", 100)
        assert {each.collection for each in within.passages} == {"notes"}
    outside_it = await table.dense(vectors[0], scope=Scope(collections=("notes",)), limit=1)
    assert outside_it.passages[0].path != "0.md"


async def test_missing_vectors_are_filled_in_without_touching_the_passage(passages: PassageTable) -> None:
    assert [batch async for batch in passages.without_vector(batch=10)] == [(CORPUS[4],)]
    await passages.set_vectors(CORPUS[4:], np.stack([unit(0, 0, 0, 1)]))
    assert [batch async for batch in passages.without_vector(batch=10)] == []
    assert (await passages.dense(unit(0, 0, 0, 1), scope=EVERYWHERE, limit=1)).passages == (CORPUS[4],)
    assert await passages.count() == len(CORPUS)


async def test_what_is_to_be_embedded_is_looked_for_once_and_each_passage_comes_once(passages: PassageTable) -> None:
    """Also while the vectors of the batches are written and further passages are added."""
    waiting = [passage(f"{number}.md", f"number {number}") for number in range(7)]
    await passages.add(waiting, [None] * len(waiting))
    found: list[Passage] = []
    async for batch in passages.without_vector(batch=3):
        assert len(batch) <= 3
        found.extend(batch)
        await passages.set_vectors(batch, np.stack([unit(0, 0, 0, 1)] * len(batch)))
        await passages.add([passage(f"later{len(found)}.md", "later")], [None])
    assert sorted(each.path for each in found) == sorted(each.path for each in (CORPUS[4], *waiting))
    later = [each.path async for batch in passages.without_vector(batch=10) for each in batch]
    assert sorted(later) == ["later3.md", "later6.md", "later8.md"]


async def test_a_large_table_is_read_in_batches_of_a_bounded_size(passages: PassageTable) -> None:
    many = [passage(f"{number}.md", "many") for number in range(2 * LOOKUP_BATCH + 1)]
    await passages.add(many, [None] * len(many))
    every = [batch async for batch in passages.batches()]
    assert max(map(len, every)) <= LOOKUP_BATCH
    assert sorted(each.path for batch in every for each in batch) == sorted(each.path for each in (*CORPUS, *many))
    some = [each async for batch in passages.of_documents([each.docid for each in CORPUS[:2]]) for each in batch]
    assert sorted(each.path for each in some) == ["a.md", "b.md"]


async def test_terms_follow_what_is_added_and_removed(database: Database, passages: PassageTable) -> None:
    terms = await TermTable.open(database)
    first = TermLedger(database=database, passages=passages, terms=terms)
    await first.settle()
    before = await terms.all()
    assert before["refus"] == 1
    assert before["the"] == 2
    second = TermLedger(database=database, passages=passages, terms=terms)
    await second.removing([CORPUS[3].docid])
    await passages.remove([CORPUS[3].docid])
    extra = passage("f.md", "refused again")
    await second.added([extra])
    await passages.add([extra], [None])
    await second.settle()
    after = await terms.all()
    assert (after["refus"], after["the"], after.get("fox")) == (2, 1, None)
    counted = Counter(
        [term for each in await passages.all() for term in set(await passages.terms_of(SearchedText.of(each).joined()))]
    )
    assert after == dict(counted)


async def test_terms_are_counted_anew_after_a_run_that_died(database: Database, passages: PassageTable) -> None:
    terms = await TermTable.open(database)
    await TermLedger(database=database, passages=passages, terms=terms).settle()
    died = TermLedger(database=database, passages=passages, terms=terms)
    lost = passage("g.md", "zeppelin")
    await died.added([lost])
    await passages.add([lost], [None])
    after = TermLedger(database=database, passages=passages, terms=terms)
    await after.settle()
    assert (await terms.frequencies(["zeppelin", "nowhere"])) == {"zeppelin": 1, "nowhere": 0}


@pytest.mark.parametrize("most_in_memory", [0, 100])
async def test_terms_in_memory_are_those_of_the_table(database: Database, most_in_memory: int) -> None:
    """Also after another process has written them anew, and once they have become too many."""
    writer = await TermTable.open(database)
    table = await database.connection.open_table(TERMS)
    reader = TermTable(table, uri=database.uri, most_in_memory=most_in_memory)
    for counts in (
        Counter(fox=2, dog=1),
        Counter(fox=3),
        Counter({f"word{number}": number for number in range(1, 200)}),
    ):
        await writer.replace(counts)
        assert await reader.all() == dict(counts)
        assert await reader.frequencies(["fox", "dog", "word7"]) == {
            term: counts[term] for term in ("fox", "dog", "word7")
        }
