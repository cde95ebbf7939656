"""What fusion and calibration look at: numbers of one candidate and of its query, made from the evidence alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.term_occurrences import Occurrences, occurrences

CANDIDATE_FEATURES = (
    "meaning",
    "words",
    "coverage",
    "complete",
    "pairs",
    "nearness",
    "neighbours",
    "late",
)
"""Columns of `Features.candidates`."""

QUERY_FEATURES = ("found", "length", "question", "closest", "code")
"""Columns of `Features.query`: share of the query's rarity that the best BM25 holds, log of its terms, whether it is
put as a question, its best cosine, and how much the nearest passages look like code."""

NEIGHBOURS = 5
"""Nearest candidates whose cosines a candidate borrows from."""

SHARPNESS = 4
"""Power of the cosine between candidates, so that only near ones count."""

ADJACENT, NEAR = 2, 8
"""Words between two terms: one may stand between those of a pair; a sentence's half makes them near."""

SATURATION = 2.2
"""k1 + 1 of BM25: the most that a term's weight is multiplied by."""

_QUESTION = re.compile(
    r"\W*(?:what|who|whom|whose|which|when|where|why|how|is|are|do|does|did|can|could|should|was|were|will|has|have)\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"\b(?:def|return|import|function|const|var|self|None|null)\b|[{}();=_]")
CODE_PASSAGES, CODE_LETTERS = 10, 600
"""Nearest passages, and the letters of each, that are looked at for signs of code."""

SIGNS = 20
"""Letters per sign at which a text is code beyond doubt."""


@dataclass(frozen=True, slots=True)
class Features:
    """Numbers of a query's candidates and of the query."""

    candidates: FloatArray
    """[candidates, len(CANDIDATE_FEATURES)]."""
    query: FloatArray
    """[len(QUERY_FEATURES)]."""


def features(evidence: Evidence, *, text: str) -> Features:
    """Fill both rows of numbers; `text` is the query in words. An absent list counts as one that is all equal."""
    if not len(evidence):
        empty = np.zeros((0, len(CANDIDATE_FEATURES)), dtype=np.float32)
        return Features(empty, np.zeros(len(QUERY_FEATURES), dtype=np.float32))
    cosine = known_cosines(evidence)
    meaning, words = standard(cosine), standard(evidence.bm25)
    weights = term_weights(evidence)
    neighbours = _by_neighbours(evidence, meaning=meaning)
    columns = (meaning, words, *_by_terms(evidence, weights), neighbours, np.zeros_like(meaning))
    mass = float(weights.sum())
    nearest = np.argsort(-cosine, kind="stable")[:CODE_PASSAGES]
    query = (
        float(evidence.bm25.max()) / (SATURATION * mass) if mass else 0.0,
        np.log1p(len(weights)),
        float(bool(_QUESTION.match(text)) or text.rstrip().endswith(("?", "？"))),
        float(cosine.max()),
        float(np.mean([code_share(evidence.passages[row].text) for row in nearest])),
    )
    made = Features(np.stack(columns, axis=1).astype(np.float32), np.array(query, dtype=np.float32))
    return with_late(made, evidence.maxsim)


def with_late(known: Features, maxsim: FloatArray) -> Features:
    """The same features with what late interaction says, [candidates]: nothing else moves with it."""
    candidates = known.candidates.copy()
    candidates[:, CANDIDATE_FEATURES.index("late")] = _compared(maxsim)
    return Features(candidates, known.query)


def standard(values: FloatArray) -> FloatArray:
    """Mean 0 and deviation 1 over the candidates; all 0 where they are equal."""
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > np.finfo(np.float32).eps else np.zeros_like(values)


def known_cosines(evidence: Evidence) -> FloatArray:
    """[candidates]; one that is not embedded yet has the least of the others."""
    return least_where_unknown(evidence.cosine)


def least_where_unknown(values: FloatArray) -> FloatArray:
    """[candidates]; NaN as the least of what is known, 0 where nothing is."""
    known = ~np.isnan(values)
    least = float(values[known].min()) if known.any() else 0.0
    return np.where(known, values, least).astype(np.float32)


def term_weights(evidence: Evidence) -> FloatArray:
    """[distinct terms]; how rare each is, in the order in which they come first."""
    distinct = dict.fromkeys(evidence.terms)
    return np.array([term.rarity(evidence.indexed) for term in distinct], dtype=np.float32)


def code_share(text: str) -> float:
    """0 for prose, about 1 and more for code: keywords and brackets per letter."""
    head = text[:CODE_LETTERS]
    return len(_CODE.findall(head)) / max(len(head), 1) * SIGNS


def _compared(maxsim: FloatArray) -> FloatArray:
    """Late interaction, standardised over the candidates that were compared; the others count as the least of them."""
    known = ~np.isnan(maxsim)
    if not known.any():
        return np.zeros_like(maxsim)
    values = standard(maxsim[known])
    late = np.full_like(maxsim, values.min())
    late[known] = values
    return late


def _by_neighbours(evidence: Evidence, *, meaning: FloatArray) -> FloatArray:
    """[candidates]; the mean cosine of the nearest candidates.

    Relevant passages resemble each other more than others (van Rijsbergen's cluster hypothesis), so that a passage
    among good ones is better than its own words say.
    """
    count = min(NEIGHBOURS, len(evidence) - 1)
    if not evidence.vectors.size or count < 1:
        return meaning
    vectors = np.nan_to_num(evidence.vectors)
    likeness = np.clip(vectors @ vectors.T, 0.0, 1.0) ** SHARPNESS
    np.fill_diagonal(likeness, 0.0)
    nearest = np.argpartition(-likeness, count - 1, axis=1)[:, :count]  # [candidates, count]
    share = np.take_along_axis(likeness, nearest, axis=1)
    total = np.maximum(share.sum(axis=1), np.finfo(np.float32).eps)
    borrowed: FloatArray = (share * meaning[nearest]).sum(axis=1) / total
    return borrowed


def _by_terms(evidence: Evidence, weights: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Shares of the query's rarity: of the terms that occur, of neighbours of the query that do here, of near ones."""
    count, distinct = len(evidence), [term.text for term in dict.fromkeys(evidence.terms)]
    mass = float(weights.sum())
    if not distinct or mass <= 0:
        zeros = np.zeros(count, dtype=np.float32)
        return zeros, zeros, zeros, zeros
    found = occurrences([passage.embedded_text for passage in evidence.passages], distinct)
    has = np.zeros((count, len(distinct)), dtype=bool)
    has[found.candidate, found.term] = True
    numbers = [distinct.index(term.text) for term in evidence.terms]
    sequence = np.array([a * len(distinct) + b for a, b in pairwise(numbers)], dtype=np.int64)
    pairs, nearness = _together(found, count=count, weights=weights, sequence=np.unique(sequence))
    coverage: FloatArray = np.where(has, weights / mass, 0.0).sum(axis=1)
    complete: FloatArray = np.where(has.all(axis=1), np.float32(1), np.float32(0))
    return coverage, complete, pairs, nearness


def _together(
    found: Occurrences, *, count: int, weights: FloatArray, sequence: np.ndarray
) -> tuple[FloatArray, FloatArray]:
    """How much of the query's pairs a candidate has side by side, and how rare the terms are that it has near."""
    pairs, nearness = np.zeros(count, dtype=np.float32), np.zeros(count, dtype=np.float32)
    size = len(weights)
    left, right = found.term[:-1], found.term[1:]
    gap = np.diff(found.word)
    same = (found.candidate[:-1] == found.candidate[1:]) & (left != right)
    if len(sequence):
        worth = (weights[sequence // size] + weights[sequence % size]) / 2
        code = left * size + right
        chosen = same & (gap <= ADJACENT) & np.isin(code, sequence)
        once = np.unique(found.candidate[:-1][chosen] * size**2 + code[chosen])
        np.add.at(pairs, once // size**2, worth[np.searchsorted(sequence, once % size**2)] / worth.sum())
    chosen = same & (gap <= NEAR)
    code = np.minimum(left, right) * size + np.maximum(left, right)
    once = np.unique(found.candidate[:-1][chosen] * size**2 + code[chosen])
    rarer = np.minimum(weights[once % size**2 // size], weights[once % size])
    np.add.at(nearness, once // size**2, rarer / weights.sum())
    return pairs, nearness
