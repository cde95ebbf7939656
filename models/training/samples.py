"""The candidates of queries that fusion, relevance and verdict are fitted to, with and without an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from near_misses import Lacking, lacking_chinese_words, lacking_words, near_misses

from qmd_mcp.application.engine import open_engine
from qmd_mcp.application.index_writer import unwatched
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.evaluation.corpus_files import document_ids
from qmd_mcp.evaluation.datasets import Dataset, read_dataset
from qmd_mcp.evaluation.evidence_source import EvidenceSource, open_source, without
from qmd_mcp.evaluation.runner import index_dataset, index_of
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse
from qmd_mcp.retrieval.ranking.features import Features, features
from qmd_mcp.retrieval.ranking.fusion import convex
from qmd_mcp.settings import read_settings

QUERIES, FOREIGN = 400, 200
"""How many of its own queries each set is asked, and how many queries of other sets. With 800 every figure stays within
.005."""

SUBJECTS = {
    "scifact-train": "medicine",
    "medquad-train": "medicine",
    "tldr-en-train": "software",
    "functions": "software",
    "headings": "software",
    "squad-folds13": "encyclopaedia",
    "zh-qa-train": "encyclopaedia",
}
"""A query is foreign only to a set of another subject; a set of its own subject may well contain an answer."""

CHINESE = "zh-qa-train"
FEWEST = 12
"""A query with fewer candidates is left out, because it has no ranking to learn from."""

HALF = 0.5
"""Share of the cosine in the sum that chooses which candidates are compared token by token; the trained fusion does not
exist yet."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The candidates of one query, without their texts and vectors."""

    evidence: Evidence
    features: Features
    relevant: np.ndarray
    """[candidates]; all False for a query that has no answer in the index."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One set's queries, and three kinds of queries that its index does not answer."""

    name: str
    own: tuple[Judged, ...]
    deleted: tuple[Judged, ...]
    """The same queries without the documents that answer them."""
    foreign: tuple[Judged, ...]
    """Queries of other subjects."""
    near: tuple[Judged, ...]
    """Queries of the same topics that ask for something which the index lacks."""


async def collect(folders: Sequence[Path], work: Path) -> list[Sample]:
    """Index every set and collect the candidates of its queries."""
    datasets = [read_dataset(folder) for folder in folders]
    return [await _sample(dataset, datasets, work / dataset.name) for dataset in datasets]


async def _sample(dataset: Dataset, datasets: Sequence[Dataset], folder: Path) -> Sample:
    settings = read_settings()
    async with open_engine(settings, index_of(folder), create=True) as engine:
        print(dataset.name, await index_dataset(engine, dataset, folder=folder, progress=unwatched), flush=True)
        await engine.writing.embed()  # adds token states if the index is older than these
        assert engine.tokens is not None
        async with open_source(index_of(folder), tokens=engine.tokens, first_scores=_half) as source:
            ids = document_ids(dataset)
            own: list[Judged] = []
            deleted: list[Judged] = []
            near: list[Judged] = []
            lacking = await _lacking(source, dataset, datasets)
            for query in dataset.sample(QUERIES):
                evidence = await source.of(parse(query.text))
                own.append(_judged(evidence, query.text, ids, query.grades))
                left = without(evidence, {path for path, name in ids.items() if name in query.grades})
                deleted.append(_judged(left, query.text, ids, {}))
                missed = await near_misses(source, query.text, lacking)
                near.extend([_judged(await source.of(parse(text)), text, ids, {}) for text in missed])
            subject = SUBJECTS[dataset.name]
            others = [
                each
                for each in datasets
                if each.name != dataset.name
                and (dataset.name == CHINESE or (SUBJECTS[each.name] != subject and each.name != CHINESE))
            ]
            foreign = [
                _judged(await source.of(parse(query.text)), query.text, ids, {})
                for each in others
                for query in each.sample(FOREIGN // len(others))
            ]
    return Sample(dataset.name, _ranked(own), _ranked(deleted), _ranked(foreign), _ranked(near))


async def _lacking(source: EvidenceSource, dataset: Dataset, datasets: Sequence[Dataset]) -> Lacking:
    if dataset.name == CHINESE:
        asked = {query.query_id for query in dataset.sample(QUERIES)}
        others = [query.text for query in dataset.queries if query.query_id not in asked]
        return await lacking_chinese_words(source, others)
    related: list[str] = []
    foreign: list[str] = []
    for each in datasets:
        if each.name not in {dataset.name, CHINESE}:
            same = SUBJECTS[each.name] == SUBJECTS[dataset.name]
            (related if same else foreign).extend(query.text for query in each.sample(QUERIES))
    return await lacking_words(source, related=related, foreign=foreign)


def _half(evidence: Evidence, _: ParsedQuery) -> FloatArray:
    return convex(evidence, alpha=HALF)


def _judged(evidence: Evidence, query: str, ids: Mapping[str, str], grades: Mapping[str, int]) -> Judged:
    relevant = np.array([ids[passage.path] in grades for passage in evidence.passages], dtype=bool)
    made = features(evidence, text=query)
    passages = tuple(replace(passage, text="", breadcrumb="") for passage in evidence.passages)
    slim = replace(evidence, passages=passages, vectors=np.empty((0, 0), dtype=np.float32))
    return Judged(slim, made, relevant)


def _ranked(asked: Sequence[Judged]) -> tuple[Judged, ...]:
    return tuple(each for each in asked if len(each.evidence) >= FEWEST)
