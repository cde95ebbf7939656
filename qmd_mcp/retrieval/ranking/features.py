"""The numbers from which fusion and calibration score a candidate, computed from the evidence alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.text.searched_text import SearchedText
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.term_occurrences import Occurrences, Term, occurrences

CANDIDATE_FEATURES = (
    "meaning",
    "words",
    "coverage",
    "complete",
    "missing",
    "pairs",
    "nearness",
    "neighbours",
    "late",
)
"""Columns of `Features.candidates`.

- meaning: the cosine of query and passage, standardised over the candidates.
- words: the BM25 score, standardised likewise.
- coverage: the share of the query's term weight that the terms in the passage have (`term_weights`), from 0 to 1.
- complete: 1 if the passage has every term of the query, otherwise 0.
- missing: how rare the rarest term of the query is that the passage lacks, as a share of the rarity of a term that the
  whole index lacks; 0 if the passage has every term.
- pairs: the share of the query's pairs of neighbouring terms, by weight, that stand side by side in the passage.
- nearness: how rare the terms are that stand near another term of the query in the passage.
- neighbours: the mean `meaning` of the candidates whose vectors are nearest to the passage's.
- late: the late interaction score, standardised over the candidates that have one.
"""

QUERY_FEATURES = ("found", "length", "question", "closest", "code")
"""Columns of `Features.query`.

- found: the best BM25 score, as a share of the most that a passage with all of the query's terms could have.
- length: log(1 + number of distinct terms).
- question: 1 if the query is put as a question, otherwise 0.
- closest: the best cosine.
- code: how much the nearest passages look like code (`code_share`), in the mean.
"""

NEIGHBOURS = 5
"""How many candidates, the nearest by their vectors, the feature `neighbours` is averaged over."""

SHARPNESS = 4
"""Power to which the cosine between two candidates is raised as a weight, so that only near ones count."""

ADJACENT, NEAR = 2, 8
"""Greatest distance in words of two terms that count as a pair (one word may stand between them), and of two that count
as near (about half a sentence)."""

SATURATION = 2.2
"""k1 + 1 of BM25, with k1 = 1.2: the most by which repetitions in a passage can multiply a term's weight."""

_QUESTION = re.compile(
    r"\W*(?:what|who|whom|whose|which|when|where|why|how|is|are|do|does|did|can|could|should|was|were|will|has|have)\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"\b(?:def|return|import|function|const|var|self|None|null)\b|[{}();=_]")
CODE_PASSAGES, CODE_LETTERS = 10, 600
"""How many of the nearest passages are searched for signs of code, and how many characters of each."""

SIGNS = 20
"""A text with one sign in this many characters is certainly code: its `code_share` is 1."""


@dataclass(frozen=True, slots=True)
class Features:
    """The features of a query's candidates and of the query itself."""

    candidates: FloatArray
    """[candidates, len(CANDIDATE_FEATURES)]."""
    query: FloatArray
    """[len(QUERY_FEATURES)]."""


def features(evidence: Evidence, *, text: str) -> Features:
    """Compute all features. `text` is the query in words.

    A list that is absent, such as that of dense retrieval, counts as one in which all candidates have the same score.
    """
    if not len(evidence):
        empty = np.zeros((0, len(CANDIDATE_FEATURES)), dtype=np.float32)
        return Features(empty, np.zeros(len(QUERY_FEATURES), dtype=np.float32))
    cosine = known_cosines(evidence)
    meaning, words = standard(cosine), standard(evidence.bm25)
    weights = term_weights(evidence)
    neighbours = _by_neighbours(evidence, meaning=meaning)
    columns = (meaning, words, *_by_terms(evidence, weights), neighbours, np.zeros_like(meaning))
    total = float(weights.sum())
    nearest = np.argsort(-cosine, kind="stable")[:CODE_PASSAGES]
    query = (
        float(evidence.bm25.max()) / (SATURATION * total) if total else 0.0,
        np.log1p(len(weights)),
        float(bool(_QUESTION.match(text)) or text.rstrip().endswith(("?", "？"))),
        float(cosine.max()),
        float(np.mean([code_share(evidence.passages[row].text) for row in nearest])),
    )
    made = Features(np.stack(columns, axis=1).astype(np.float32), np.array(query, dtype=np.float32))
    return with_late(made, evidence.maxsim)


def with_late(known: Features, maxsim: FloatArray) -> Features:
    """The same features with the column `late` made from these late interaction scores, [candidates]."""
    candidates = known.candidates.copy()
    candidates[:, CANDIDATE_FEATURES.index("late")] = _compared(maxsim)
    return Features(candidates, known.query)


def standard(values: FloatArray) -> FloatArray:
    """Shift and scale values to mean 0 and standard deviation 1; to all 0 if they are equal."""
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > np.finfo(np.float32).eps else np.zeros_like(values)


def known_cosines(evidence: Evidence) -> FloatArray:
    """[candidates]; the cosines, where a passage without a vector has the lowest cosine of the others."""
    return least_where_unknown(evidence.cosine)


def least_where_unknown(values: FloatArray) -> FloatArray:
    """[candidates]; the values with the lowest known one in place of NaN, or 0 if none is known."""
    known = ~np.isnan(values)
    least = float(values[known].min()) if known.any() else 0.0
    return np.where(known, values, least).astype(np.float32)


def term_weights(evidence: Evidence) -> FloatArray:
    """[distinct terms]; the rarity of each term (`Term.rarity`), in the order of the query."""
    distinct = dict.fromkeys(evidence.terms)
    return np.array([term.rarity(evidence.indexed) for term in distinct], dtype=np.float32)


def code_share(text: str) -> float:
    """Keywords and brackets per character, scaled by `SIGNS`: 0 for prose, about 1 and more for code."""
    head = text[:CODE_LETTERS]
    return len(_CODE.findall(head)) / max(len(head), 1) * SIGNS


def _compared(maxsim: FloatArray) -> FloatArray:
    """[candidates]; the late interaction scores, standardised over those that are known; the others get the lowest."""
    known = ~np.isnan(maxsim)
    if not known.any():
        return np.zeros_like(maxsim)
    values = standard(maxsim[known])
    late = np.full_like(maxsim, values.min())
    late[known] = values
    return late


def _by_neighbours(evidence: Evidence, *, meaning: FloatArray) -> FloatArray:
    """[candidates]; the mean `meaning` of each candidate's nearest candidates, weighted by their likeness to it.

    Relevant passages resemble each other more than other passages (van Rijsbergen's cluster hypothesis), so that a
    passage among good ones is more likely relevant than its own score says.
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


def _by_terms(evidence: Evidence, weights: FloatArray) -> tuple[FloatArray, ...]:
    """The features from coverage to nearness, each [candidates]; all are 0 if the query has no terms."""
    count, distinct = len(evidence), [term.text for term in dict.fromkeys(evidence.terms)]
    total = float(weights.sum())
    if not distinct or total <= 0:
        zeros = np.zeros(count, dtype=np.float32)
        return zeros, zeros, zeros, zeros, zeros
    found = occurrences([SearchedText.of(passage).joined() for passage in evidence.passages], distinct)
    has = np.zeros((count, len(distinct)), dtype=bool)
    has[found.candidate, found.term] = True
    numbers = [distinct.index(term.text) for term in evidence.terms]
    sequence = np.array([a * len(distinct) + b for a, b in pairwise(numbers)], dtype=np.int64)
    pairs, nearness = _together(found, count=count, weights=weights, sequence=np.unique(sequence))
    coverage: FloatArray = np.where(has, weights / total, 0.0).sum(axis=1)
    complete: FloatArray = np.where(has.all(axis=1), np.float32(1), np.float32(0))
    greatest = Term("", passages=0).rarity(evidence.indexed)
    lacking = np.where(has, 0.0, weights / greatest).astype(np.float32)  # [candidates, distinct terms]
    return coverage, complete, lacking.max(axis=1), pairs, nearness


def _together(
    found: Occurrences, *, count: int, weights: FloatArray, sequence: np.ndarray
) -> tuple[FloatArray, FloatArray]:
    """The features pairs and nearness, each [candidates].

    A pair of terms a, b has the number a * size + b. `sequence` holds the numbers of the pairs that are neighbours in
    the query, ascending. Within a candidate each pair counts once, however often it occurs.

    Pairs are weighed by the mean of their two terms' weights, as a share of all pairs of the query. A near pair adds
    the lesser of its two weights, as a share of the weight of all terms.
    """
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
