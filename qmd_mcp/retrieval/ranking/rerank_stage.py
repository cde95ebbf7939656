"""The stage in which a cross-encoder reads the best candidates."""

from __future__ import annotations

import time
from dataclasses import dataclass

import anyio

from qmd_mcp.domain.availability import Absent
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.errors import ModelBusyError, SetupError
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.ranking.ranked_candidates import RankedCandidates
from qmd_mcp.retrieval.search_protocols import Reranker
from qmd_mcp.retrieval.stage_log import StageLog


@dataclass(frozen=True, slots=True)
class RerankStage:
    """Reranks by a cross-encoder, or says why it does not."""

    reranker: Reranker | Absent

    async def run(
        self, ranked: RankedCandidates, evidence: Evidence, text: str, *, request: QueryRequest, log: StageLog
    ) -> RankedCandidates:
        """Put the first `candidate_limit` candidates into the order that the cross-encoder gives them.

        `text` is the query in words. What the cross-encoder reads is each passage with its headings.
        """
        if not request.rerank:
            log.skipped("rerank", reason="rerank=false")
        elif isinstance(self.reranker, Absent):
            log.skipped("rerank", reason=self.reranker.reason)
        elif not ranked.rows:
            log.skipped("rerank", reason="nothing was found")
        else:
            read = ranked.rows[: request.candidate_limit]
            with anyio.move_on_after(log.seconds_left()):
                since = time.perf_counter()
                texts = [evidence.passages[row].embedded_text for row in read]
                try:
                    reranking = await self.reranker.score(text, texts, intent=request.intent)
                except (SetupError, ModelBusyError) as error:  # the answer is worth more than this stage
                    log.skipped("rerank", reason=str(error))
                    return ranked
                log.ran("rerank", since=since, provider=self.reranker.provider, batches=reranking.batches)
                return ranked.reordered(read, reranking.logits)
            log.shed("rerank")
        return ranked
