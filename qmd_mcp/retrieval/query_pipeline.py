"""How `query` is answered: each stage takes the value of the stage before it and returns its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qmd_mcp.domain.answers import Answer
from qmd_mcp.domain.documents import Collection, Document
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.domain.term_analysis import TermAnalysis
from qmd_mcp.retrieval.answering.answer_writer import AnswerWriter
from qmd_mcp.retrieval.answering.diagnosis import Diagnosis
from qmd_mcp.retrieval.answering.judge import Judge, verdict
from qmd_mcp.retrieval.answering.newest_first import candidates_by_date
from qmd_mcp.retrieval.answering.paging import beginning
from qmd_mcp.retrieval.answering.verdict import Verdict
from qmd_mcp.retrieval.candidates.candidate_retrieval import CandidateRetrieval
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.exclusions import Exclusions
from qmd_mcp.retrieval.query.operators import permitted, quoted, without_phrases
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.ranking.fusion_stage import FusionStage
from qmd_mcp.retrieval.ranking.ranked_candidates import RankedCandidates
from qmd_mcp.retrieval.ranking.rerank_stage import RerankStage
from qmd_mcp.retrieval.stage_log import StageLog

NO_RELEVANCE = "min_relevance has no effect: no weights for relevance were trained for this embedder."


@dataclass(frozen=True, slots=True)
class QueryPipeline:
    """The stages of `query`, constructed ready and shared by every caller.

    candidates → fusion with late interaction → relevance → what may be shown → reranking → verdict → hits
    """

    retrieval: CandidateRetrieval
    fusion: FusionStage
    judge: Judge | None
    """None if no weights were trained for the embedder: answers then have neither relevance nor verdict."""
    reranking: RerankStage
    writer: AnswerWriter
    analysis: TermAnalysis
    diagnosis: Diagnosis
    exclusions: Exclusions

    async def answer(self, request: QueryRequest, *, collections: Mapping[str, Collection], log: StageLog) -> Answer:
        """Answer one request from these collections."""
        parsed, left_out_by_query = await self.exclusions.settled(request)
        cursor = beginning(request)
        candidates = await self.retrieval.retrieve(request, parsed, scope=parsed.filters, log=log)
        fused = await self.fusion.run(candidates, parsed.text, log=log)
        judged = self.judge.judge(fused) if self.judge is not None else None
        documents = await self.writer.hits.visible(fused.evidence.passages, collections=collections)
        shown, notes = await self._shown(parsed, fused.evidence, documents=documents)
        ranked = RankedCandidates.of(fused.scores, relevance=None if judged is None else judged.relevance, shown=shown)
        ranked = await self.reranking.run(ranked, fused.evidence, parsed.text, request=request, log=log)
        ranked = ranked.with_literal_first(parsed.lexical.phrases, fused.evidence)
        since = time.perf_counter()
        said: Verdict | None = None
        if judged is not None:
            said, likely = verdict(judged, ranked, quoted=bool(parsed.lexical.phrases) and not notes)
            ranked = replace(ranked, relevance=likely)
        ranked, left_out = _likely_enough(ranked, request)
        if request.sort == "date":
            ranked, sentence = candidates_by_date(ranked, fused.evidence.passages)
            left_out_by_query = [sentence, *left_out_by_query] if ranked.rows else left_out_by_query
            said = None if said == "good" else said  # the best hit need not be among the newest
        answer = await self.writer.write(
            request,
            parsed,
            ranked,
            candidates=candidates,
            fused=fused,
            cursor=cursor,
            documents=documents,
            collections=collections,
        )
        log.ran("answer", since=since)
        notes = [*notes, *left_out, *answer.notes]
        if not answer.hits and not notes and not cursor.hits:
            notes += await self.diagnosis.of_nothing(parsed, collections=request.collections)
        elif answer.hits and not cursor.hits:
            notes += await self.diagnosis.of_missing(parsed, fused.evidence.terms)
        return replace(answer, verdict=said, stages=tuple(log.stages), notes=(*notes, *left_out_by_query))

    async def _shown(
        self, parsed: ParsedQuery, evidence: Evidence, *, documents: Mapping[str, Document]
    ) -> tuple[NDArray[np.bool_], list[str]]:
        """[candidates]; which of them the query's operators permit and have a visible document.

        If none has the phrases beside what is negated, the phrases leave none out, and a note says so.
        """
        notes: list[str] = []
        shown = await permitted(parsed.lexical, evidence.passages, analysis=self.analysis)
        if parsed.lexical.phrases and not shown.any() and len(evidence):
            loose = without_phrases(parsed.lexical)
            shown = await permitted(loose, evidence.passages, analysis=self.analysis)
            without = f" without {' and '.join(loose.negatives)}" if loose.negatives else ""
            phrases = quoted(parsed.lexical.phrases)
            notes.append(f"No passage{without} has {phrases}; these are nearest in words and meaning.")
        shown &= np.array([passage.docid in documents for passage in evidence.passages], dtype=bool)
        return shown, notes


def _likely_enough(ranked: RankedCandidates, request: QueryRequest) -> tuple[RankedCandidates, list[str]]:
    """The candidates that `min_relevance` leaves, and a note if it has no effect or leaves none."""
    least = request.min_relevance
    if least is None:
        return ranked, []
    if ranked.relevance is None:
        return ranked, [NO_RELEVANCE]
    kept = ranked.at_least(least)
    if kept.rows or not ranked.rows:
        return kept, []
    best = max(float(ranked.relevance[row]) for row in ranked.rows)
    return kept, [f"Every hit is below min_relevance={least:g}; the likeliest has {best:.2f}."]
