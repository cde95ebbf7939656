"""An index in a real LanceDB: its documents, its collections, who may open it and who may write it."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from qmd_mcp.domain.documents import Collection, Context, Document, docid_of
from qmd_mcp.errors import CollectionError
from qmd_mcp.index_errors import EmbedderMismatchError, NotAnIndexError, WriterBusyError
from qmd_mcp.store.generation import Generation, begin, check_serving
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.lance.schema import DOCUMENTS
from qmd_mcp.store.tables.collection_table import CollectionTable
from qmd_mcp.store.tables.document_table import DocumentTable
from qmd_mcp.store.writer_lock import WriterLock

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.create(str(tmp_path / "index"))
    yield database
    database.close()


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


async def test_the_documents_of_a_large_index_are_found_though_not_all_are_in_memory(database: Database) -> None:
    table = await database.connection.open_table(DOCUMENTS)
    documents = DocumentTable(table, database=database, most_in_memory=3)
    pages = [
        Document(docid_of("c", f"{number}.md", "1"), "c", f"{number}.md", "T", "1", 1, 2, 3, 4) for number in range(9)
    ]
    await documents.put(pages)
    for start in (0, 2, 0, 6):
        some = pages[start : start + 3]
        docids = [*(each.docid for each in some), "absent"]
        assert await documents.by_docid(docids) == {each.docid: each for each in some}
    await documents.remove([pages[0].key])
    assert await documents.by_docid([pages[0].docid, pages[1].docid]) == {pages[1].docid: pages[1]}


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
    await begin(database, Generation("f1", "mini", 4))
    await begin(database, Generation("f2", "qwen3", 4))
    await check_serving(database, Generation("f1", "mini", 4))
    with pytest.raises(
        EmbedderMismatchError, match=r"with the embedder mini, and qwen3 is configured.*--embedder qwen3"
    ):
        await check_serving(database, Generation("f2", "qwen3", 4))
    with pytest.raises(EmbedderMismatchError, match="another version of the embedder mini"):
        await check_serving(database, Generation("f2", "mini", 4))


async def test_a_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    uri = str(tmp_path)
    program = (
        "import anyio, sys\n"
        "from qmd_mcp.index_errors import WriterBusyError\n"
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
