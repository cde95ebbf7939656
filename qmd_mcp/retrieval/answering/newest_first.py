"""Putting the best matches in the order of their dates, where a request asks for dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import Ranking, Scope
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.retrieval.candidates.evidence import UNRANKED, Evidence
from qmd_mcp.retrieval.ranking.ranked_candidates import RankedCandidates

NEWEST_OF = 50
"""Most of the best matches among which the newest are looked for: half of the longest list of candidates. Further
down, a list has passages that share a single common word with the query, and the newest of these was not asked for."""

LEAST = 0.02
"""A candidate with a word of the query is among the best matches if it is at least this many times as likely to be
relevant as the best: the newest of those that share a common word with a question was not asked for."""

RELATIVE = 0.5
"""A candidate without a word of the query is among the best matches only if it is at least this many times as likely to
be relevant as the best. By meaning every passage matches a little, so that without a threshold the newest of a small
index would come first, whatever was asked."""


def goes_by_date(request: SearchRequest, filters: Scope) -> bool:
    """Whether a request asks for dates, so that every hit shows its own."""
    return request.sort == "date" or filters.after_ns is not None or filters.before_ns is not None


def ranking_by_date(ranking: Ranking) -> tuple[Ranking, str]:
    """The best of a ranking, newest first, and a sentence that says so."""
    order = _by_date(ranking.passages[:NEWEST_OF])
    newest = replace(
        ranking,
        passages=tuple(ranking.passages[row] for row in order),
        scores=ranking.scores[order],
        vectors=ranking.vectors[order],
    )
    return newest, _sentence(len(order))


def candidates_by_date(ranked: RankedCandidates, evidence: Evidence) -> tuple[RankedCandidates, str]:
    """The best of the candidates, newest first, and a sentence that says so."""
    rows = list(ranked.rows)
    known = [] if ranked.relevance is None else [each for row in rows if (each := ranked.relevance[row]) == each]
    if ranked.relevance is not None and known:  # NaN, which is not even itself, is a relevance that is not known
        best = max(known)
        rows = [
            row
            for row in rows
            if not ranked.relevance[row] < (RELATIVE if evidence.lexical_rank[row] == UNRANKED else LEAST) * best
        ]
    rows = rows[:NEWEST_OF]
    order = _by_date([evidence.passages[row] for row in rows])
    return replace(ranked, rows=tuple(rows[place] for place in order)), _sentence(len(rows))


def _sentence(count: int) -> str:
    return f"Newest first, among the {count} best matches." if count > 1 else "There is one match to sort by date."


def _by_date(passages: Sequence[Passage]) -> list[int]:
    """The positions of passages, the newest first; those of one date stay in their order."""

    def age(position: int) -> float:
        date = passages[position].properties.date_ns
        return float("inf") if date is None else -date

    return sorted(range(len(passages)), key=age)
