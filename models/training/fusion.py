"""Train the weights of fusion, relevance and verdict for one embedder: linear models on pairs of query and passage.

PYTHONPATH=. python models/training/fusion.py --train TRAIN \
      --documentation DOCS/{astro-en,electron-en}/files --work WORK --target models/mini/fusion [--keep-ranking]
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import numpy as np
from fitting import fit_ranking
from judged import write_sets
from judgement import fit_judgement
from samples import CHINESE, Judged, Sample, collect

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.ranking.features import with_late
from qmd_mcp.retrieval.ranking.fusion import adaptive, lexical_first
from qmd_mcp.retrieval.ranking.trained_weights import FILE, FusionWeights

FUSED = ("meaning", "words", "coverage", "complete", "pairs", "nearness", "neighbours", "late")
MOVED = ("meaning", "words", "late")


def main() -> None:
    """Make the sets, ask their queries, fit the models, and write their weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--documentation", type=Path, nargs="+", required=True)
    parser.add_argument("--work", type=Path, required=True, help="sets and indexes are kept here")
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--keep-ranking", action="store_true", help="fit relevance and verdict to the target's ranking")
    options = parser.parse_args()
    target: Path = options.target / FILE
    ranking = json.loads(target.read_text())["fusion"] if options.keep_ranking else None
    folders = write_sets(options.train, options.documentation, options.work / "sets")
    samples = anyio.run(collect, folders, options.work / "indexes")
    weights = fit(samples, ranking=ranking)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(weights, indent=2) + "\n")


def fit(samples: Sequence[Sample], *, ranking: Mapping[str, Any] | None) -> dict[str, object]:
    """Fit fusion first, unless `ranking` has its weights, and then relevance and verdict under its scores."""
    known = [sample for sample in samples if sample.name != CHINESE]
    fusion = ranking or _ranking(known)
    weights = FusionWeights.model_validate(fusion)

    def by_meaning(each: Judged) -> FloatArray:
        return adaptive(each.evidence, each.features, weights=weights)

    def by_words(each: Judged) -> FloatArray:
        return lexical_first(each.evidence)

    chinese = [sample for sample in samples if sample.name == CHINESE]
    return {
        "fusion": fusion,
        "compared": fit_judgement("compared", known, by_meaning),
        "meaning": fit_judgement("meaning", [_uncompared(sample) for sample in known], by_meaning),
        "words": fit_judgement("words", chinese, by_words),
    }


def _ranking(known: Sequence[Sample]) -> dict[str, Any]:
    judged = [[(each.features, each.relevant) for each in sample.own] for sample in known]
    return _mean(
        fit_ranking(judged, fused=FUSED, moved=MOVED),
        fit_ranking(judged, fused=_without_late(FUSED), moved=_without_late(MOVED)),
    )


def _uncompared(sample: Sample) -> Sample:
    """Return the set as it would be without token states, or without time for them."""

    def without_late(each: Judged) -> Judged:
        unknown = np.full_like(each.evidence.maxsim, np.nan)
        evidence = replace(each.evidence, maxsim=unknown, unmet=unknown)
        return Judged(evidence, with_late(each.features, unknown), each.relevant)

    own, deleted, foreign, near = (
        tuple(without_late(each) for each in asked)
        for asked in (sample.own, sample.deleted, sample.foreign, sample.near)
    )
    return Sample(sample.name, own, deleted, foreign, near)


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


if __name__ == "__main__":
    main()
