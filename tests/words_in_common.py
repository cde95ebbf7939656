"""An engine for the evaluation's tests that counts the words which a query and a paragraph have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qmd_mcp.corpus.indexing.update_summary import Progress, Step, UpdateSummary
from qmd_mcp.domain.answers import Answer, Hit
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.errors import OnlyNegativesError, UnknownCollectionError
from qmd_mcp.evaluation.datasets import Dataset, JudgedDocument, JudgedQuery
from qmd_mcp.evaluation.runner import COLLECTION, GLOBS, index_dataset

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


def unwatched(step: Step) -> None:
    """A progress callback that does nothing."""


async def indexed(folder: Path) -> FakeEngine:
    engine = FakeEngine()
    await index_dataset(engine, DATASET, folder=folder, progress=unwatched)
    return engine
