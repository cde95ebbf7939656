"""Where a set is indexed, and running one from its folder."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from qmd_mcp.corpus.indexing.update_summary import Step
from qmd_mcp.errors import DatasetError
from qmd_mcp.evaluation.datasets import Dataset, read_dataset
from qmd_mcp.evaluation.runner import COLLECTION, index_dataset, index_folder, run_evaluation
from qmd_mcp.settings import IndexLocation, Settings
from tests.words_in_common import DATASET, FakeEngine, indexed, unwatched


@pytest.mark.anyio
async def test_a_set_that_is_indexed_already_is_brought_up_to_date(tmp_path: Path) -> None:
    engine = await indexed(tmp_path)

    await index_dataset(engine, DATASET, folder=tmp_path, progress=unwatched)

    assert engine.searching.folders == {COLLECTION: tmp_path / "corpus"}
    assert engine.updates == 2


@pytest.mark.anyio
async def test_no_document_id_reaches_the_files(tmp_path: Path) -> None:
    corpus = (await indexed(tmp_path)).searching.folders[COLLECTION]

    written = "".join(f"{file.relative_to(corpus)} {file.read_text()}" for file in corpus.rglob("*.*"))

    assert "purrs" in written
    assert not any(document.document_id in written for document in DATASET.documents)


def test_every_corpus_and_every_embedder_has_an_index_of_its_own() -> None:
    other = Dataset(DATASET.name, DATASET.documents, DATASET.queries, "0" * 64)
    renamed = Dataset("renamed", DATASET.documents, DATASET.queries[:1], DATASET.fingerprint)

    folder = index_folder(DATASET, identity="mini")

    assert folder.parent.name == "eval"
    assert len({folder, index_folder(other, identity="mini"), index_folder(DATASET, identity="bge")}) == 3
    assert index_folder(renamed, identity="mini") == folder


@pytest.mark.anyio
async def test_a_folder_is_read_indexed_in_the_cache_and_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text('{"_id": "cat", "title": "Cats", "text": "a cat sleeps"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "sleeps"}\n')
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tcat\t1\n")
    settings = Settings(index="/home/me/notes", alpha=0.25)
    opened: list[tuple[Settings, IndexLocation, bool]] = []
    steps: list[Step] = []

    @asynccontextmanager
    async def open_engine(
        settings: Settings, location: IndexLocation, *, create: bool
    ) -> AsyncGenerator[FakeEngine, None]:
        opened.append((settings, location, create))
        yield FakeEngine()

    def watch(step: Step) -> None:
        steps.append(step)

    report = await run_evaluation(
        folder, mode="query", settings=settings, open_engine=open_engine, identity="mini", progress=watch
    )

    (place,) = index_folder(read_dataset(folder), identity="mini").parent.iterdir()
    assert (report.dataset, report.documents, report.quality.ndcg_at_10) == ("set", 1, 1)
    assert opened == [(settings, IndexLocation(str(place / "index")), True)]
    assert (place / "corpus/0000000/0000000.md").exists()
    assert steps == [Step("index", done=3, total=3)]


@pytest.mark.anyio
async def test_a_folder_that_is_no_set_is_one_sentence_and_opens_nothing(tmp_path: Path) -> None:
    @asynccontextmanager
    async def open_engine(
        settings: Settings, location: IndexLocation, *, create: bool
    ) -> AsyncGenerator[FakeEngine, None]:
        yield pytest.fail(f"opened {location} with {settings}, {create=}")

    with pytest.raises(DatasetError, match=r"corpus\.jsonl: missing"):
        await run_evaluation(
            tmp_path,
            mode="query",
            settings=Settings(),
            open_engine=open_engine,
            identity="mini",
            progress=unwatched,
        )
