"""How `query` is answered: each stage takes the value of the stage before it and returns its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import floor

import numpy as np
from numpy.typing import NDArray

from qmd_mcp.domain.answers import Answer
from qmd_mcp.domain.documents import Collection, Document
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.domain.text.term_analysis import TermAnalysis
from qmd_mcp.retrieval.answering.answer_writer import AnswerWriter
from qmd_mcp.retrieval.answering.diagnosis import Diagnosis
from qmd_mcp.retrieval.answering.gaps import Gaps
from qmd_mcp.retrieval.answering.judge import Judge, verdict, without_unjudged
from qmd_mcp.retrieval.answering.newest_first import candidates_by_date
from qmd_mcp.retrieval.answering.paging import beginning
from qmd_mcp.retrieval.answering.particulars import has_every_word, lacks_particulars
from qmd_mcp.retrieval.answering.verdict import Verdict
from qmd_mcp.retrieval.candidates.candidate_retrieval import CandidateRetrieval
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.exclusions import Exclusions
from qmd_mcp.retrieval.query.operators import permitted, without_phrases
from qmd_mcp.retrieval.query.syntax import ParsedQuery
from qmd_mcp.retrieval.ranking.fusion_stage import FusionStage
from qmd_mcp.retrieval.ranking.ranked_candidates import RankedCandidates
from qmd_mcp.retrieval.ranking.rerank_stage import RerankStage
from qmd_mcp.retrieval.stage_log import StageLog
from qmd_mcp.retrieval.vocabulary.near_word_finder import NearWordFinder

NO_RELEVANCE = "min_relevance has no effect: nothing estimates relevance here."
UNJUDGED = "Relevance and verdict are not estimated: no hit could be compared by meaning."


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
    near: NearWordFinder
    gaps: Gaps

    async def answer(self, request: QueryRequest, *, collections: Mapping[str, Collection], log: StageLog) -> Answer:
        """Answer one request from these collections."""
        asked, left_out_by_query = await self.exclusions.settled(request)
        near = await self.near.of(asked)
        parsed = near.applied(asked)
        cursor = beginning(request)
        candidates = await self.retrieval.retrieve(request, parsed, near=near, scope=parsed.filters, log=log)
        fused = await self.fusion.run(candidates, parsed.text, log=log)
        judged = self.judge.judge(fused) if self.judge is not None else None
        documents = await self.writer.hits.visible(fused.evidence.passages, collections=collections)
        shown, loosened = await self._shown(parsed, fused.evidence, documents=documents)
        ranked = RankedCandidates.of(fused.scores, relevance=None if judged is None else judged.relevance, shown=shown)
        ranked = await self.reranking.run(ranked, fused.evidence, parsed.text, request=request, log=log)
        ranked = ranked.with_literal_first(parsed.lexical.phrases, fused.evidence)
        since = time.perf_counter()
        said: Verdict | None = None
        gaps: list[str] = []
        if judged is not None:
            contained = bool(parsed.lexical.phrases) and not loosened
            contained = contained or has_every_word(parsed.lexical, judged, ranked)
            unsure = near.guessed or lacks_particulars(parsed.lexical, judged, ranked)
            said, likely = verdict(judged, ranked, contained=contained, unsure=unsure)
            if said == "none" and (gaps := await self.gaps.of_meaning(parsed.text, collections=request.collections)):
                said, likely = verdict(judged, ranked, contained=contained, unsure=unsure, gaps=True)
            ranked = replace(
                ranked, relevance=without_unjudged(judged, likely, scripts=self.gaps.scripts, logits=ranked.logits)
            )
        elif self.judge is not None:
            gaps = [UNJUDGED, *await self.gaps.of_vectors()]
        ranked, left_out = _likely_enough(ranked, request)
        if request.sort == "date":
            ranked, sentence = candidates_by_date(ranked, fused.evidence)
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
        notes = await self.diagnosis.of_phrases(parsed, collections=request.collections) if loosened else []
        notes = [*near.notes(), *notes, *left_out, *answer.notes]
        if not answer.hits and not notes and not cursor.hits:
            notes += await self.diagnosis.of_nothing(parsed, collections=request.collections, near=near)
        elif answer.hits and not cursor.hits:
            notes += await self.diagnosis.of_missing(parsed, fused.evidence.terms, near=near)
        notes += [*gaps, *left_out_by_query]
        return replace(answer, verdict=said, stages=tuple(log.stages), notes=tuple(notes))

    async def _shown(
        self, parsed: ParsedQuery, evidence: Evidence, *, documents: Mapping[str, Document]
    ) -> tuple[NDArray[np.bool_], bool]:
        """[candidates]; which of them the query's operators permit and have a visible document.

        If none has the phrases beside what is negated, the phrases leave none out; the second value says so.
        """
        shown = await permitted(parsed.lexical, evidence.passages, analysis=self.analysis)
        loosened = bool(parsed.lexical.phrases) and not shown.any() and len(evidence) > 0
        if loosened:
            shown = await permitted(without_phrases(parsed.lexical), evidence.passages, analysis=self.analysis)
        shown &= np.array([passage.docid in documents for passage in evidence.passages], dtype=bool)
        return shown, loosened


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
    shown = floor(best * 100) / 100  # rounded up it might seem to reach the least
    return kept, [f"Every hit is below min_relevance={least:g}; the likeliest has {shown:.2f}."]
