"""A real LanceDB in a temporary folder."""

import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from qmd_mcp.domain.documents import Collection, Context, Document, Passage, docid_of
from qmd_mcp.domain.lookup import LexicalQuery, Scope
from qmd_mcp.errors import CollectionError, EmbedderMismatchError, NotAnIndexError, WriterBusyError
from qmd_mcp.store.generation import Generation, begin, check_serving
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.lance.schema import TERMS
from qmd_mcp.store.tables.collection_table import CollectionTable
from qmd_mcp.store.tables.document_table import DocumentTable
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.term_ledger import TermLedger
from qmd_mcp.store.tables.term_table import TermTable
from qmd_mcp.store.writer_lock import WriterLock

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


async def test_missing_vectors_are_filled_in_without_touching_the_passage(passages: PassageTable) -> None:
    waiting = await passages.without_vector(limit=10)
    assert waiting == (CORPUS[4],)
    await passages.set_vectors(waiting, np.stack([unit(0, 0, 0, 1)]))
    assert await passages.without_vector(limit=10) == ()
    assert (await passages.dense(unit(0, 0, 0, 1), scope=EVERYWHERE, limit=1)).passages == (CORPUS[4],)
    assert await passages.count() == len(CORPUS)


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
        [term for each in await passages.all() for term in set(await passages.terms_of(each.embedded_text))]
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


async def test_a_document_is_replaced_in_place(database: Database) -> None:
    documents = await DocumentTable.open(database)
    old = Document(docid_of("c", "a's.md", "1"), "c", "a's.md", "T", "1", 1, 2, 3, 4)
    new = Document(docid_of("c", "a's.md", "2"), "c", "a's.md", "T", "2", 1, 2, 3, 4)
    await documents.put([old])
    await documents.put([new])
    assert await documents.all() == (new,)
    assert await documents.by_docid([old.docid, new.docid]) == {new.docid: new}
    assert await documents.by_prefix(new.docid[:6]) == (new,)
    assert await documents.by_keys(["c/a's.md", "c/none.md"]) == {"c/a's.md": new}
    await documents.remove([new.key])
    assert await documents.count() == 0


async def test_collections_come_back_with_their_contexts(database: Database, tmp_path: Path) -> None:
    table = await CollectionTable.open(database, project=None)
    collection = Collection("notes", tmp_path, ("**/*.md",), ("tmp/",), (Context("", "all"), Context("a/b", "deep")))
    await table.put(collection)
    await table.put(collection)
    assert await table.all() == (collection,)
    assert collection.context_of("a/b/c.md") == "deep"
    assert collection.context_of("a/bc.md") == "all"


async def test_a_projects_index_names_no_root_outside_the_project(database: Database, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "docs").mkdir(parents=True)
    inside = await CollectionTable.open(database, project=project)
    await inside.put(Collection("docs", project / "docs", ("*",)))
    assert [each.root for each in await inside.all()] == [project / "docs"]
    with pytest.raises(CollectionError, match="outside"):
        await inside.put(Collection("home", tmp_path, ("*",)))
    anywhere = await CollectionTable.open(database, project=None)
    await anywhere.put(Collection("evil", tmp_path, ("*",)))
    with pytest.raises(CollectionError, match="'evil'"):
        await inside.all()


async def test_a_foreign_folder_is_neither_opened_nor_written(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(NotAnIndexError, match="does not hold one"):
        await Database.open(str(tmp_path))
    with pytest.raises(NotAnIndexError, match=r"other files \(letter.txt\)"):
        await Database.create(str(tmp_path))
    assert [each.name for each in tmp_path.iterdir()] == ["letter.txt"]
    with pytest.raises(NotAnIndexError, match="no such folder"):
        await Database.open(str(tmp_path / "nowhere"))


async def test_an_index_of_another_version_is_not_opened(database: Database) -> None:
    await database.put(schema_version="999")
    with pytest.raises(NotAnIndexError, match="999"):
        await Database.open(database.uri)


async def test_an_index_of_another_embedder_is_an_error_that_says_what_to_do(database: Database) -> None:
    await begin(database, Generation("f1", "mini", DIMENSION))
    await begin(database, Generation("f2", "qwen3", DIMENSION))
    await check_serving(database, Generation("f1", "mini", DIMENSION))
    with pytest.raises(
        EmbedderMismatchError, match=r"with the embedder mini, and qwen3 is configured.*--embedder qwen3"
    ):
        await check_serving(database, Generation("f2", "qwen3", DIMENSION))
    with pytest.raises(EmbedderMismatchError, match="another version of the embedder mini"):
        await check_serving(database, Generation("f2", "mini", DIMENSION))


async def test_a_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    uri = str(tmp_path / "index")
    program = (
        "import anyio, sys\n"
        "from qmd_mcp.errors import WriterBusyError\n"
        "from qmd_mcp.store.writer_lock import WriterLock\n"
        "async def main():\n"
        f"    async with WriterLock({uri!r}).held(wait_seconds=0):\n"
        "        print('held', flush=True)\n"
        "        sys.stdin.read()\n"
        "anyio.run(main)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(WriterBusyError, match=f"process {other.pid}"):
            async with WriterLock(uri).held(wait_seconds=0):
                pass
        other.kill()
        other.wait()
        async with WriterLock(uri).held(wait_seconds=5):
            pass
