"""Trained numbers, read and applied."""

import json
from pathlib import Path

import numpy as np
import pytest

from qmd_mcp.errors import ManifestError
from qmd_mcp.inference.hub.catalogue import models_folder
from qmd_mcp.retrieval.ranking.features import CANDIDATE_FEATURES, QUERY_FEATURES, Features
from qmd_mcp.retrieval.ranking.trained_weights import CLIP, FILE, FusionWeights, LogisticWeights, read_weights

SHIPPED = models_folder() / "mini" / "fusion"


def numbers(**query: float) -> Features:
    """One candidate for each feature, which alone has it."""
    row = np.array([query.get(name, 0.0) for name in QUERY_FEATURES], dtype=np.float32)
    return Features(np.eye(len(CANDIDATE_FEATURES), dtype=np.float32), row)


def test_a_query_moves_the_weights_by_its_distance_from_the_mean() -> None:
    weights = FusionWeights(
        linear={"meaning": 1.0, "words": 2.0},
        moved={"words": {"code": -0.5}},
        mean={"code": 0.1},
        deviation={"code": 0.2},
    )
    words = CANDIDATE_FEATURES.index("words")
    assert weights.score(numbers(code=0.1))[words] == pytest.approx(2.0)
    assert weights.score(numbers(code=0.3))[words] == pytest.approx(1.5)
    assert weights.score(numbers(code=0.3))[CANDIDATE_FEATURES.index("meaning")] == pytest.approx(1.0)
    assert weights.score(numbers(code=99.0))[words] == pytest.approx(2.0 - 0.5 * CLIP)


def test_a_logistic_weighs_named_values() -> None:
    weights = LogisticWeights(intercept=-1.0, linear={"cosine": 2.0})
    likely = weights.probability({"cosine": np.array([0.5, 1.0], dtype=np.float32)})
    assert likely == pytest.approx([0.5, 1 / (1 + np.exp(-1))])


def test_the_weights_that_ship_prefer_better_evidence() -> None:
    weights = read_weights(SHIPPED)
    assert min(weights.fusion.linear[name] for name in ("meaning", "words", "coverage", "pairs", "nearness")) > 0
    assert weights.meaning.relevance.linear["odds"] > 0 > weights.meaning.relevance.linear["rank"]
    assert min(weights.meaning.verdict.linear.values()) > 0
    assert "cosine" not in {*weights.words.relevance.linear, *weights.words.verdict.linear}


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"weights\.json cannot be read"):
        read_weights(tmp_path)


@pytest.mark.parametrize("change", ["no JSON", "unknown feature", "missing part"])
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, change: str) -> None:
    content = json.loads((SHIPPED / FILE).read_text())
    if change == "unknown feature":
        content["fusion"]["linear"]["colour"] = 1.0
    elif change == "missing part":
        del content["words"]
    (tmp_path / FILE).write_text("{" if change == "no JSON" else json.dumps(content))
    with pytest.raises(ManifestError, match="do not fit this version"):
        read_weights(tmp_path)


@pytest.mark.parametrize("change", ["no deviation", "deviation of 0", "moved by the unknown"])
def test_query_features_without_mean_and_deviation_are_refused(change: str) -> None:
    fields: dict[str, dict[str, float]] = {"mean": {"code": 0.1}, "deviation": {"code": 0.2}}
    moved = {"words": {"code": 1.0}}
    if change == "no deviation":
        fields["deviation"] = {}
    elif change == "deviation of 0":
        fields["deviation"] = {"code": 0.0}
    else:
        moved["words"]["length"] = 1.0
    with pytest.raises(ValueError, match="validation error"):
        FusionWeights(linear={"words": 1.0}, moved=moved, **fields)
