"""The trained numbers behind fusion, relevance and verdict."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.errors import ManifestError
from qmd_mcp.retrieval.ranking.features import CANDIDATE_FEATURES, QUERY_FEATURES, Features

FILE = "weights.json"

CLIP = 2.0
"""Deviations from the training queries' mean beyond which a query counts as no stranger: far queries keep the fixed
combination's proportions nearly."""


class FusionWeights(BaseModel):
    """A linear score of a candidate, some of whose weights the query moves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    linear: dict[str, float]
    """By candidate feature."""
    moved: dict[str, dict[str, float]]
    """By candidate feature and query feature: what one deviation of the query adds to the weight."""
    mean: dict[str, float]
    deviation: dict[str, float]
    """By query feature, over the training queries."""

    @model_validator(mode="after")
    def _knows_its_features(self) -> FusionWeights:
        _check(self.linear, known=CANDIDATE_FEATURES)
        _check(self.moved, known=CANDIDATE_FEATURES)
        for each in (self.mean, self.deviation, *self.moved.values()):
            _check(each, known=QUERY_FEATURES)
        for each in (self.deviation, *self.moved.values()):
            _check(each, known=tuple(self.mean))
        if self.mean.keys() != self.deviation.keys() or min(self.deviation.values(), default=1.0) <= 0:
            sentence = "a query feature has no mean or no deviation above 0"
            raise ValueError(sentence)
        return self

    def of_query(self, query: FloatArray) -> FloatArray:
        """[len(CANDIDATE_FEATURES)]; the weights for one query's features."""
        weights = np.array([self.linear.get(name, 0.0) for name in CANDIDATE_FEATURES])
        distance = {
            name: np.clip((query[QUERY_FEATURES.index(name)] - self.mean[name]) / self.deviation[name], -CLIP, CLIP)
            for name in self.mean
        }
        for feature, by_query in self.moved.items():
            change = sum(weight * distance[name] for name, weight in by_query.items())
            weights[CANDIDATE_FEATURES.index(feature)] += change
        return weights.astype(np.float32)

    def score(self, features: Features) -> FloatArray:
        """[candidates]; within one query a difference of 1 is odds of e to be the passage that was meant."""
        return (features.candidates @ self.of_query(features.query)).astype(np.float32)


class LogisticWeights(BaseModel):
    """A probability from a few named numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intercept: float
    linear: dict[str, float]

    def probability(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """[...]; all values have one shape, and there is at least one."""
        logit = np.asarray(self.intercept + sum(weight * values[name] for name, weight in self.linear.items()))
        odds: FloatArray = np.exp(-np.clip(logit, -30.0, 30.0)).astype(np.float32)
        return 1.0 / (1.0 + odds)


class VerdictWeights(LogisticWeights):
    """Whether the index holds an answer at all."""

    none_below: float
    """Probability under which it most likely does not."""
    answered_below: float
    """Share of the queries below it that have an answer all the same, of as many with an answer as without."""
    good_from: float
    """Relevance of the best hit from which it is more likely than not what was meant."""


class JudgementWeights(BaseModel):
    """What turns signs into probabilities."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    relevance: LogisticWeights
    verdict: VerdictWeights


class Weights(BaseModel):
    """What `weights.json` of a profile holds; made for one embedder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fusion: FusionWeights
    compared: JudgementWeights
    """For queries in a script that the embedder knows, whose best candidates were compared token by token."""
    meaning: JudgementWeights
    """For those whose candidates were not."""
    words: JudgementWeights
    """For queries in other scripts: nothing in it looks at a cosine."""


def read_weights(folder: Path) -> Weights:
    """Read a profile's trained numbers.

    Raises:
        ManifestError: the file is missing or not as it should be.
    """
    path = folder / FILE
    try:
        return Weights.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        sentence = f"The fusion weights {path} cannot be read ({error.strerror})."
        raise ManifestError(sentence) from error
    except (ValidationError, ValueError) as error:
        sentence = f"The fusion weights {path} do not fit this version: {str(error).splitlines()[0]}."
        raise ManifestError(sentence) from error


def _check(names: Iterable[str], *, known: tuple[str, ...]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        sentence = f"unknown features: {', '.join(unknown)}"
        raise ValueError(sentence)
