"""The stage that fuses the candidates, with late interaction where it can be had."""

from __future__ import annotations

import time
from dataclasses import dataclass

import anyio
import numpy as np

from qmd_mcp.domain.availability import Absent
from qmd_mcp.index_errors import DamagedIndexError
from qmd_mcp.retrieval.candidates.found_candidates import Candidates
from qmd_mcp.retrieval.ranking.fuser import Fused, Fuser
from qmd_mcp.retrieval.ranking.late_interaction import compared
from qmd_mcp.retrieval.search_protocols import Late
from qmd_mcp.retrieval.stage_log import StageLog

NO_STATES = "nothing to compare: these passages were indexed without token states; qmd-mcp embed adds them"


@dataclass(frozen=True, slots=True)
class FusionStage:
    """Fuses, compares the best candidates with the query token by token, and fuses again with what that adds."""

    fuser: Fuser
    late: Late | Absent

    async def run(self, candidates: Candidates, text: str, *, log: StageLog) -> Fused:
        """Score every candidate; `text` is the query in words."""
        since = time.perf_counter()
        fused = self.fuser.fuse(candidates.evidence, text)
        log.ran("fusion", since=since, reason=fused.objection and f"BM25 first: {fused.objection}")
        if isinstance(self.late, Absent):
            log.skipped("late interaction", reason=self.late.reason)
        elif (reason := self.fuser.ignores_late_interaction(fused)) is not None:
            log.skipped("late interaction", reason=reason)
        elif candidates.states is None:
            log.shed("late interaction")
        elif not len(candidates.evidence):
            log.skipped("late interaction", reason="nothing was found")
        else:
            with anyio.move_on_after(log.seconds_left()):
                since = time.perf_counter()
                try:
                    evidence = await compared(
                        fused.evidence, query=text, states=candidates.states, scores=fused.scores, late=self.late
                    )
                except DamagedIndexError as error:  # the answer is worth more than this stage
                    log.skipped("late interaction", reason=str(error))
                    return fused
                missing = bool(np.isnan(evidence.maxsim).all())
                fused = self.fuser.with_late_interaction(fused, evidence)
                log.ran("late interaction", since=since, reason=NO_STATES if missing else None)
                return fused
            log.shed("late interaction")
        return fused
