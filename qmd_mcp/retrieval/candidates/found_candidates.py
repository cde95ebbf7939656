"""What looking a query up has found."""

from __future__ import annotations

from dataclasses import dataclass

from qmd_mcp.domain.answers import LineFound
from qmd_mcp.domain.documents import SubQuery
from qmd_mcp.domain.lookup import Ranking
from qmd_mcp.domain.token_states import QueryStates
from qmd_mcp.retrieval.candidates.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Candidates:
    """Every passage that one of the look-ups found, and what the stages behind need of the query."""

    evidence: Evidence
    """All the lists in one table."""
    states: QueryStates | None = None
    """The query's token states; None if there was no time for them or the index keeps none for this embedder."""
    supporting: tuple[tuple[SubQuery, Ranking], ...] = ()
    """Each sub-query with the passages that it found."""

    def lines_found(self) -> tuple[LineFound, ...]:
        """For each sub-query how many passages it found, and how many of them the query itself did not."""
        own = self.evidence.found_by_the_query()
        return tuple(
            LineFound(
                line=f"{line.kind}: {line.text}",
                found=len(ranking.passages),
                new=sum((passage.docid, passage.ordinal) not in own for passage in ranking.passages),
            )
            for line, ranking in self.supporting
        )
