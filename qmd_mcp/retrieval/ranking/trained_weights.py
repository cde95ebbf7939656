"""The trained weights of fusion, relevance and verdict."""

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
"""A query's features are clipped to this many standard deviations from the mean of the training queries. A query that
is unlike all of them therefore moves the weights no further than an unusual training query."""


class FusionWeights(BaseModel):
    """The weights of a linear score of a candidate, some of which depend on the query."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    linear: dict[str, float]
    """Candidate feature -> its weight for a query whose features are all at the mean."""
    moved: dict[str, dict[str, float]]
    """Candidate feature -> query feature -> what each standard deviation of the query feature from its mean adds to the
    weight."""
    mean: dict[str, float]
    """Query feature -> its mean over the training queries."""
    deviation: dict[str, float]
    """Query feature -> its standard deviation over the training queries."""

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
        """[len(CANDIDATE_FEATURES)]; the weights for a query with these features, [len(QUERY_FEATURES)]."""
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
        """[candidates]; log-odds up to a constant of the query.

        Of two candidates of one query, the one whose score is higher by 1 is e times as likely to be what was meant.
        """
        return (features.candidates @ self.of_query(features.query)).astype(np.float32)


class LogisticWeights(BaseModel):
    """The weights of a logistic regression over a few named values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    intercept: float
    linear: dict[str, float]

    def probability(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """Probabilities in the shape of the values; all values have the same shape, and there is at least one."""
        logit = np.asarray(self.intercept + sum(weight * values[name] for name, weight in self.linear.items()))
        odds: FloatArray = np.exp(-np.clip(logit, -30.0, 30.0)).astype(np.float32)
        return 1.0 / (1.0 + odds)


class RelevanceWeights(LogisticWeights):
    """The weights of the probability that a candidate is relevant, and how likely one can be that lacks a rare word."""

    lacking_from: float = 2.0
    """A candidate whose sign `unmet` is at least this lacks what the query asks for; no `unmet` is above 2."""
    lacking_at_most: float = 1.0
    """Such a candidate is no more likely to be relevant than this."""


class VerdictWeights(LogisticWeights):
    """The weights of the probability that the index holds an answer, and the thresholds of the verdict."""

    none_below: float
    """If the probability that the index holds an answer is lower than this, the verdict is `none`."""
    answered_below: float
    """Share of the queries below `none_below` that have an answer all the same, among as many queries with an answer as
    without."""
    good_from: float
    """If the best hit has at least this relevance, it is more likely than not what was meant: the verdict is `good`."""


class JudgementWeights(BaseModel):
    """The weights that turn the signs of a query's candidates into relevances and a verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    relevance: RelevanceWeights
    verdict: VerdictWeights


class Weights(BaseModel):
    """The content of a profile's `weights.json`, which is trained for one embedder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fusion: FusionWeights
    compared: JudgementWeights
    """For queries in a script that the embedder knows, whose best candidates have late interaction scores."""
    meaning: JudgementWeights
    """For queries in a script that the embedder knows, none of whose candidates has a late interaction score."""
    words: JudgementWeights
    """For queries in other scripts; no weight in it is of a cosine."""


def read_weights(folder: Path) -> Weights:
    """Read the trained weights of a profile.

    Raises:
        ManifestError: the file cannot be read, or its content is not valid.
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
