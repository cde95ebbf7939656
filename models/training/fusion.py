"""Train the weights of fusion, relevance and verdict for one embedder: linear models on pairs of query and passage.

PYTHONPATH=. python models/training/fusion.py --train TRAIN \
      --documentation DOCS/{astro-en,electron-en}/files --work WORK --target models/mini/fusion
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import numpy as np
from fitting import fit_logistic, fit_ranking
from judged import write_sets

from qmd_mcp.application.engine import open_engine
from qmd_mcp.application.index_writer import unwatched
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.evaluation.corpus_files import document_ids
from qmd_mcp.evaluation.datasets import Dataset, read_dataset
from qmd_mcp.evaluation.evidence_source import open_source, without
from qmd_mcp.evaluation.runner import index_dataset, index_of
from qmd_mcp.retrieval.answering.relevance import SIGNS, signs
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse
from qmd_mcp.retrieval.ranking.features import Features, features, with_late
from qmd_mcp.retrieval.ranking.fusion import adaptive, convex, lexical_first
from qmd_mcp.retrieval.ranking.trained_weights import FILE, FusionWeights
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
SHOWN = 10
"""Hits of a query that relevance is fitted to: as many as an answer has by default."""

FEWEST = 12
"""A query with fewer candidates is left out, because it has no ranking to learn from."""

FUSED = ("meaning", "words", "coverage", "complete", "pairs", "nearness", "neighbours", "late")
MOVED = ("meaning", "words", "late")
HALF = 0.5
"""Share of the cosine in the sum that chooses which candidates are compared token by token; the trained fusion does not
exist yet."""

RELEVANT = {
    "compared": ("odds", "rank", "cosine", "coverage"),
    "meaning": ("odds", "rank", "cosine", "coverage"),
    "words": ("odds", "rank", "coverage"),
}
ANSWERABLE = {
    "compared": ("cosine", "maxsim", "coverage", "lead", "nearness"),
    "meaning": ("cosine", "coverage", "lead", "nearness"),
    "words": ("coverage", "found"),
}
FALSE_ALARMS = 0.05
"""Share of the answerable training queries that the verdict may call `none`."""

GOOD = 0.5


@dataclass(frozen=True, slots=True)
class Judged:
    """The candidates of one query, without their texts and vectors."""

    evidence: Evidence
    features: Features
    relevant: np.ndarray
    """[candidates]; all False for a foreign query."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One set's queries, the same queries without the documents that answer them, and queries of other subjects."""

    name: str
    own: tuple[Judged, ...]
    deleted: tuple[Judged, ...]
    foreign: tuple[Judged, ...]


def main() -> None:
    """Make the sets, ask their queries, fit the models, and write their weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--documentation", type=Path, nargs="+", required=True)
    parser.add_argument("--work", type=Path, required=True, help="sets and indexes are kept here")
    parser.add_argument("--target", type=Path, required=True)
    options = parser.parse_args()
    folders = write_sets(options.train, options.documentation, options.work / "sets")
    samples = anyio.run(collect, folders, options.work / "indexes")
    weights = fit(samples)
    options.target.mkdir(parents=True, exist_ok=True)
    (options.target / FILE).write_text(json.dumps(weights, indent=2) + "\n")


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
            for query in dataset.sample(QUERIES):
                evidence = await source.of(parse(query.text))
                own.append(_judged(evidence, query.text, ids, query.grades))
                left = without(evidence, {path for path, name in ids.items() if name in query.grades})
                deleted.append(_judged(left, query.text, ids, {}))
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
    return Sample(dataset.name, _ranked(own), _ranked(deleted), _ranked(foreign))


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


def fit(samples: Sequence[Sample]) -> dict[str, object]:
    """Fit fusion first, and then relevance and verdict under its scores."""
    known = [sample for sample in samples if sample.name != CHINESE]
    judged = [[(each.features, each.relevant) for each in sample.own] for sample in known]
    fusion = _mean(
        fit_ranking(judged, fused=FUSED, moved=MOVED),
        fit_ranking(judged, fused=_without_late(FUSED), moved=_without_late(MOVED)),
    )
    weights = FusionWeights.model_validate(fusion)

    def by_meaning(each: Judged) -> FloatArray:
        return adaptive(each.evidence, each.features, weights=weights)

    def by_words(each: Judged) -> FloatArray:
        return lexical_first(each.evidence)

    chinese = [sample for sample in samples if sample.name == CHINESE]
    return {
        "fusion": fusion,
        "compared": _judgement("compared", known, by_meaning),
        "meaning": _judgement("meaning", [_uncompared(sample) for sample in known], by_meaning),
        "words": _judgement("words", chinese, by_words),
    }


def _uncompared(sample: Sample) -> Sample:
    """Return the set as it would be without token states, or without time for them."""

    def without_late(each: Judged) -> Judged:
        unknown = np.full_like(each.evidence.maxsim, np.nan)
        evidence = replace(each.evidence, maxsim=unknown)
        return Judged(evidence, with_late(each.features, unknown), each.relevant)

    own, deleted, foreign = (
        tuple(without_late(each) for each in asked) for asked in (sample.own, sample.deleted, sample.foreign)
    )
    return Sample(sample.name, own, deleted, foreign)


def _without_late(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name != "late")


def _mean(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Average two fits.

    With late interaction alone, words lose weight that they need where none of the 20 compared candidates is an answer.
    """
    return {
        name: _mean(value, second.get(name, {}))
        if isinstance(value, dict)
        else round((value + second.get(name, 0.0)) / 2, 4)
        for name, value in first.items()
    }


def _judgement(name: str, samples: Sequence[Sample], score: Callable[[Judged], FloatArray]) -> dict[str, object]:
    hits: list[FloatArray] = []
    labels: list[np.ndarray] = []
    firsts: list[FloatArray] = []
    answers: list[np.ndarray] = []
    own_firsts: list[FloatArray] = []
    foreign_firsts: list[FloatArray] = []
    for sample in samples:
        own, deleted, foreign = (
            [_shown(each, score(each)) for each in asked] for asked in (sample.own, sample.deleted, sample.foreign)
        )
        hits.append(np.concatenate([values for values, _ in own]))
        labels.append(np.concatenate([relevant for _, relevant in own]))
        for unanswered in (deleted, foreign):
            firsts.append(np.array([values[0] for values, _ in (*own, *unanswered)]))
            answers.append(np.array([1.0] * len(own) + [0.0] * len(unanswered)))
        own_firsts.append(np.array([values[0] for values, _ in own]))
        foreign_firsts.append(np.array([values[0] for values, _ in foreign]))
    relevance = fit_logistic(hits, labels, names=SIGNS, chosen=RELEVANT[name])
    verdict = fit_logistic(firsts, answers, names=SIGNS, chosen=ANSWERABLE[name])
    none_below = float(np.quantile(_answerable(verdict, np.concatenate(own_firsts)), FALSE_ALARMS))
    called_none = np.mean([np.mean(_answerable(verdict, each) < none_below) for each in foreign_firsts])
    bounds = {
        "none_below": round(none_below, 4),
        "answered_below": round(FALSE_ALARMS / (FALSE_ALARMS + float(called_none)), 4),
        "good_from": GOOD,
    }
    return {"relevance": relevance, "verdict": {**verdict, **bounds}}


def _answerable(verdict: Mapping[str, Any], signs: FloatArray) -> np.ndarray:
    """Compute the probability [queries] of an answer from the signs of each query's first hit."""
    linear = sum(weight * signs[:, SIGNS.index(name)] for name, weight in verdict["linear"].items())
    return 1 / (1 + np.exp(-(verdict["intercept"] + linear)))


def _shown(each: Judged, scores: FloatArray) -> tuple[FloatArray, np.ndarray]:
    """Return the signs and labels of the first hits."""
    order = np.argsort(-scores, kind="stable")[:SHOWN]
    return signs(each.evidence, each.features, scores).values[order], each.relevant[order]


if __name__ == "__main__":
    main()
