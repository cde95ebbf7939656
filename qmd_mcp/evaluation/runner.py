"""Running an evaluation set through the product's own indexing and search."""

from __future__ import annotations

import hashlib
from pathlib import Path
from time import perf_counter
from typing import Protocol

import anyio.to_thread
import numpy as np

from qmd_mcp.application.engine_protocols import Engine, OpenEngine
from qmd_mcp.corpus.indexing.update_summary import Progress, UpdateSummary
from qmd_mcp.domain.documents import Collection, Mode
from qmd_mcp.domain.requests import MAX_LIMIT, QueryRequest
from qmd_mcp.domain.searches import Searches, search_of
from qmd_mcp.errors import EmptyQueryError, OnlyNegativesError, QueryTooLongError
from qmd_mcp.evaluation.corpus_files import document_ids, write_corpus
from qmd_mcp.evaluation.datasets import Dataset, read_dataset
from qmd_mcp.evaluation.metrics import best_of_each, measure
from qmd_mcp.evaluation.report import Report
from qmd_mcp.settings import IndexLocation, Settings, cache_folder

COLLECTION = "set"
"""The collection of every set; a collection's name can be searched, so this one has no meaning in any set."""

GLOBS = ("**/*.md", "**/*.txt")

WARM_UP = 5
"""Queries asked before time is taken: the first ones load models and map the index's pages."""


class Answered(Protocol):
    """A callback that is told of every answered query."""

    def __call__(self, done: int, total: int) -> None:
        """Called after each query."""
        ...


async def run_evaluation(
    folder: Path,
    *,
    mode: Mode,
    settings: Settings,
    open_engine: OpenEngine,
    identity: str,
    progress: Progress,
    sample: int | None = None,
    answered: Answered | None = None,
) -> Report:
    """Evaluate one search on the set in a folder. Its index is kept, so that only the first run computes embeddings.

    `identity` names everything that decides passages and vectors: another identity gets another index. `sample` is the
    number of queries to ask, chosen by the hash of their ids; None asks all.

    Raises:
        DatasetError: the set cannot be read.
    """
    dataset = await anyio.to_thread.run_sync(read_dataset, folder)
    place = index_folder(dataset, identity=identity)
    async with open_engine(settings, index_of(place), create=True) as engine:
        await index_dataset(engine, dataset, folder=place, progress=progress)
        return await evaluate(engine, dataset, mode=mode, sample=sample, answered=answered)


def index_folder(dataset: Dataset, *, identity: str) -> Path:
    """The folder of a set's files and index; sets with the same corpus share it."""
    digest = hashlib.sha256(f"{dataset.fingerprint}\0{identity}".encode()).hexdigest()
    return cache_folder() / "eval" / digest[:32]


def index_of(folder: Path) -> IndexLocation:
    """The index of a set; evaluation never touches the user's own index."""
    return IndexLocation(str(folder / "index"))


async def index_dataset(engine: Engine, dataset: Dataset, *, folder: Path, progress: Progress) -> UpdateSummary:
    """Write the corpus as files and index them; files and embeddings of an earlier run are kept."""
    corpus = folder / "corpus"
    await anyio.to_thread.run_sync(write_corpus, dataset, corpus)
    if COLLECTION not in await engine.collections():
        await engine.writing.add_collection(Collection(COLLECTION, corpus, globs=GLOBS))
    return await engine.writing.update(progress=progress)


async def evaluate(
    engine: Engine, dataset: Dataset, *, mode: Mode, sample: int | None = None, answered: Answered | None = None
) -> Report:
    """Ask an engine that has indexed a set the set's queries, one after another.

    A document ranks by its best passage. The service returns at most 100 passages, so recall@100 counts the documents
    of the best 100 passages. These are fewer than 100 documents if one has several passages among them; recall@100 is
    then a lower bound.
    """
    queries, ids = dataset.sample(sample), document_ids(dataset)
    for query in queries[:WARM_UP]:
        await _ranked_paths(engine.searching, query.text, mode=mode)
    rankings: dict[str, tuple[str, ...]] = {}
    refused: list[str] = []
    seconds: list[float] = []
    for done, query in enumerate(queries, start=1):
        start = perf_counter()
        paths = await _ranked_paths(engine.searching, query.text, mode=mode)
        seconds.append(perf_counter() - start)
        if paths is None:
            refused.append(query.query_id)
        rankings[query.query_id] = best_of_each(ids[path] for path in paths or ())
        if answered is not None:
            answered(done, len(queries))
    p50, p95 = np.percentile(seconds, (50, 95)) * 1_000
    return Report(
        dataset=dataset.name,
        mode=mode,
        documents=len(dataset.documents),
        quality=measure(rankings, {query.query_id: query.grades for query in queries}),
        p50_ms=float(p50),
        p95_ms=float(p95),
        refused=tuple(refused),
    )


async def _ranked_paths(searching: Searches, text: str, *, mode: Mode) -> list[str] | None:
    """The paths of the found passages, best first; None if the service refuses the query."""
    try:
        request = QueryRequest(text, collections=(COLLECTION,), limit=MAX_LIMIT)
        answer = await search_of(searching, mode)(request)
    except (EmptyQueryError, OnlyNegativesError, QueryTooLongError):
        return None
    return [path for hit in answer.hits for path in (hit.path, *map(_path_of, hit.also))]


def _path_of(place: str) -> str:
    """The path in `collection/path:first-last`, by which a hit names a near-duplicate; that ranks right behind it."""
    return place.removeprefix(f"{COLLECTION}/").rsplit(":", 1)[0]
