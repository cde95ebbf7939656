"""What of a query the best hit has, and which numbers and names it lacks, for which no other word can stand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.domain.text.folding import folded
from qmd_mcp.retrieval.answering.judge import Judged
from qmd_mcp.retrieval.ranking.features import CANDIDATE_FEATURES
from qmd_mcp.retrieval.ranking.ranked_candidates import RankedCandidates

_PARTICULAR = re.compile(r"\d|_|[a-z][A-Z]|\w\.[a-zA-Z]{2}")
"""What only numbers, codes and names of code have: a digit, an underscore, a hump, a dot between letters."""


def lacks_particulars(query: LexicalQuery, judged: Judged, ranked: RankedCandidates) -> bool:
    """Whether the best hit lacks a number or name of the query as it is written.

    Vectors of `ERR_504` and `ERR_503` are nearly the same, so that the probabilities do not notice. In a script that
    the embedder does not know, any word that is nowhere in the index counts as well, since only words are compared.
    """
    first = next(iter(ranked.rows), None)
    if first is None:
        return False
    evidence = judged.fused.evidence
    if judged.fused.objection is not None and any(not term.passages for term in evidence.terms):
        return True
    names = [word for word in query.words if _PARTICULAR.search(word)]
    return bool(names) and not _has_all(evidence.passages[first], names)


def has_every_word(query: LexicalQuery, judged: Judged, ranked: RankedCandidates) -> bool:
    """Whether the best hit has every word of the query: as terms, or as they are written.

    As they are written they may also stand in its path and in the targets of links.
    """
    first = next(iter(ranked.rows), None)
    if first is None or not query.words:
        return False
    return has_every_term(judged, ranked) or _has_all(judged.fused.evidence.passages[first], query.words)


def has_every_term(judged: Judged, ranked: RankedCandidates) -> bool:
    """Whether the best hit has every term of the query in its text."""
    first, features = next(iter(ranked.rows), None), judged.fused.features
    if first is None or features is None or not judged.fused.evidence.terms:
        return False
    return bool(features.candidates[first, CANDIDATE_FEATURES.index("complete")])


def _has_all(passage: Passage, names: Sequence[str]) -> bool:
    written = folded(f"{passage.path}\n{passage.embedded_text}\n{passage.properties.about}")
    return all(_stands(folded(name), written) for name in names)


def _stands(name: str, text: str) -> bool:
    """Whether a name is in a text and not a part of a longer number or word: `77` is not in `770`."""
    return re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", text) is not None
