"""Running a set, with an engine that counts the words in common."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from qmd_mcp.corpus.indexing.update_summary import Progress, Step, UpdateSummary
from qmd_mcp.domain.answers import Answer, Hit
from qmd_mcp.domain.documents import Collection, Mode
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.errors import DatasetError, OnlyNegativesError, UnknownCollectionError
from qmd_mcp.evaluation.datasets import Dataset, JudgedDocument, JudgedQuery, read_dataset
from qmd_mcp.evaluation.report import Report
from qmd_mcp.evaluation.runner import (
    COLLECTION,
    GLOBS,
    WARM_UP,
    evaluate,
    index_dataset,
    index_folder,
    run_evaluation,
)
from qmd_mcp.settings import IndexLocation, Settings

DATASET = Dataset(
    name="animals",
    documents=(
        JudgedDocument("mammals/cat", "Cats", "a cat sleeps\n\na cat purrs and sleeps"),
        JudgedDocument("mammals/dog", "Dogs", "a dog barks"),
        JudgedDocument("birds/owl", "", "an owl hunts while the cat sleeps"),
    ),
    queries=(
        JudgedQuery("q1", "cat sleeps", {"mammals/cat": 2, "birds/owl": 1}),
        JudgedQuery("q2", "barks", {"mammals/dog": 1}),
        JudgedQuery("q3", "hoots", {"birds/owl": 1}),
    ),
    fingerprint="f" * 64,
)


class WordsInCommon:
    """Paragraphs as passages, ranked by how many of the query's words they hold; `vsearch` finds nothing."""

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}
        self.requests: list[SearchRequest] = []

    async def search(self, request: SearchRequest) -> Answer:
        self.requests.append(request)
        if request.query.startswith("-"):
            raise OnlyNegativesError([request.query])
        for name in request.collections:
            if name not in self.folders:
                raise UnknownCollectionError(name, known=list(self.folders))
        words = set(request.query.split())
        hits = [
            a_hit(file.relative_to(folder).as_posix(), score=len(words & set(paragraph.split())))
            for folder in self.folders.values()
            for file in sorted(folder.rglob("*.*"))
            for paragraph in file.read_text().split("\n\n")
            if words & set(paragraph.split())
        ]
        return an_answer(request, sorted(hits, key=lambda hit: -hit.score))

    async def vsearch(self, request: SearchRequest) -> Answer:
        return an_answer(request, [])

    async def query(self, request: QueryRequest) -> Answer:
        return await self.search(request)


class FakeEngine:
    """Searches the files of its collections as they are; an update only counts itself."""

    def __init__(self) -> None:
        self.searching = WordsInCommon()
        self.updates = 0

    @property
    def writing(self) -> FakeEngine:
        return self

    async def collections(self) -> dict[str, Collection]:
        return {name: Collection(name, root, GLOBS) for name, root in self.searching.folders.items()}

    async def add_collection(self, collection: Collection) -> None:
        assert collection.name not in self.searching.folders
        self.searching.folders[collection.name] = collection.root

    async def update(self, *, progress: Progress) -> UpdateSummary:
        self.updates += 1
        progress(Step("index", done=3, total=3))
        return UpdateSummary(added=3)


def a_hit(path: str, *, score: float) -> Hit:
    return Hit(
        docid="#abcdef",
        passage_id=f"{COLLECTION}/{path}#0",
        collection=COLLECTION,
        path=path,
        uri=f"qmd://{COLLECTION}/{path}",
        title="",
        heading=(),
        start_line=1,
        end_line=1,
        score=score,
        relevance=None,
        snippet="",
        context=None,
        freshness="current",
    )


def an_answer(request: SearchRequest, hits: Sequence[Hit]) -> Answer:
    return Answer(query=request.query, hits=tuple(hits[: request.limit]))


def figures(report: Report) -> dict[str, object]:
    """The report without what the clock says."""
    return {key: value for key, value in report.as_json().items() if key not in {"p50_ms", "p95_ms"}}


def with_queries(*queries: JudgedQuery) -> Dataset:
    return Dataset(DATASET.name, DATASET.documents, queries, DATASET.fingerprint)


def unwatched(step: Step) -> None:
    """Whoever does not look."""


async def indexed(folder: Path) -> FakeEngine:
    engine = FakeEngine()
    await index_dataset(engine, DATASET, folder=folder, progress=unwatched)
    return engine


@pytest.mark.anyio
async def test_documents_are_ranked_by_their_best_passage_and_measured(tmp_path: Path) -> None:
    report = await evaluate(await indexed(tmp_path), DATASET, mode="search")

    assert figures(report) == {
        "set": "animals",
        "mode": "search",
        "documents": 3,
        "queries": 3,
        "ndcg@10": pytest.approx(2 / 3),
        "ndcg@10_ci": [0, 1],
        "recall@10": pytest.approx(2 / 3),
        "recall@100": pytest.approx(2 / 3),
        "mrr@10": pytest.approx(2 / 3),
    }
    assert 0 < report.p50_ms <= report.p95_ms
    assert report.refused == ()


@pytest.mark.anyio
async def test_the_report_is_json_under_exactly_the_promised_keys(tmp_path: Path) -> None:
    report = await evaluate(await indexed(tmp_path), DATASET, mode="query")

    assert " ".join(sorted(json.loads(json.dumps(report.as_json())))) == (
        "documents mode mrr@10 ndcg@10 ndcg@10_ci p50_ms p95_ms queries recall@10 recall@100 set"
    )


@pytest.mark.anyio
@pytest.mark.parametrize(("mode", "recall"), [("search", 2 / 3), ("vsearch", 0), ("query", 2 / 3)])
async def test_each_mode_asks_its_own_search(tmp_path: Path, mode: Mode, recall: float) -> None:
    report = await evaluate(await indexed(tmp_path), DATASET, mode=mode)

    assert report.mode == mode
    assert report.quality.recall_at_10 == pytest.approx(recall)


@pytest.mark.anyio
async def test_a_few_queries_warm_up_and_all_ask_for_a_hundred_passages_of_the_set(tmp_path: Path) -> None:
    queries = tuple(JudgedQuery(f"q{number}", f"cat {number}", {"mammals/cat": 1}) for number in range(8))
    engine = await indexed(tmp_path)

    await evaluate(engine, with_queries(*queries), mode="search")

    assert engine.searching.requests == [
        QueryRequest(query.text, collections=(COLLECTION,), limit=100) for query in (*queries[:WARM_UP], *queries)
    ]


@pytest.mark.anyio
async def test_a_query_that_the_service_refuses_counts_as_nothing_found_and_is_named(tmp_path: Path) -> None:
    refused = (
        JudgedQuery("only excludes", "-cat", {"mammals/dog": 1}),
        JudgedQuery("too long", "cat " * 2_000, {"mammals/cat": 1}),
    )

    report = await evaluate(await indexed(tmp_path), with_queries(DATASET.queries[1], *refused), mode="search")

    assert report.refused == ("only excludes", "too long")
    assert report.quality.ndcg_at_10 == pytest.approx(1 / 3)


@pytest.mark.anyio
async def test_a_set_that_was_not_indexed_is_no_score_of_zero() -> None:
    with pytest.raises(UnknownCollectionError):
        await evaluate(FakeEngine(), DATASET, mode="search")


@pytest.mark.anyio
async def test_a_sample_is_measured_alone_and_watched(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def watch(done: int, total: int) -> None:
        seen.append((done, total))

    report = await evaluate(await indexed(tmp_path), DATASET, mode="search", sample=2, answered=watch)

    assert report.quality.queries == 2
    assert seen == [(1, 2), (2, 2)]


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
    assert (place / "corpus/000/000000.md").exists()
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
