"""The `query` pipeline: gather, fuse, rerank, group, pack, answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
import numpy as np

from qmd_mcp.domain.answers import Answer, LineFound, Stage
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.errors import ModelBusyError, SetupError
from qmd_mcp.retrieval.answering.diagnosis import Diagnosis
from qmd_mcp.retrieval.answering.explanation import explanation
from qmd_mcp.retrieval.answering.hits import Hits, Shown
from qmd_mcp.retrieval.answering.paging import Part, beginning, page_of
from qmd_mcp.retrieval.answering.snippet import snippet
from qmd_mcp.retrieval.answering.spans import Grouping
from qmd_mcp.retrieval.candidates.candidate_retrieval import Gathering, Lists
from qmd_mcp.retrieval.candidates.evidence import Evidence
from qmd_mcp.retrieval.query.operators import allows, quoted
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse
from qmd_mcp.retrieval.ranking.fusion_policy import FusionPolicy, Judged
from qmd_mcp.retrieval.ranking.late_interaction import compared
from qmd_mcp.retrieval.ranking.rerank_blend import probabilities, reranked
from qmd_mcp.retrieval.search_protocols import Late, Reranker
from qmd_mcp.retrieval.stage_log import StageLog

NO_STATES = "nothing to compare: these passages were indexed without token states; qmd-mcp embed adds them"


@dataclass(frozen=True, slots=True)
class Ranked:
    """The candidates in their order, and what each owes its place to."""

    rows: tuple[int, ...]
    """Rows of the evidence, best first; only what the query's operators allow."""
    scores: FloatArray
    """[candidates], by row of the evidence."""
    relevance: FloatArray | None
    """[candidates], by row of the evidence."""
    logits: Mapping[int, float] = field(default_factory=dict)
    """Of the rows that a cross-encoder read."""


@dataclass(frozen=True, slots=True)
class QueryPipeline:
    """Answers a query by everything that is at hand."""

    gathering: Gathering
    late: Late | None
    no_late: str
    """Why there is none."""
    reranker: Reranker | None
    no_reranker: str
    """Why there is none."""
    policy: FusionPolicy
    grouping: Grouping
    hits: Hits
    diagnosis: Diagnosis

    async def answer(
        self,
        request: QueryRequest,
        *,
        collections: Mapping[str, Collection],
        watch: Callable[[Stage], None] | None = None,
    ) -> Answer:
        """Every stage in its turn; `watch` is told of each as it ends."""
        parsed = parse(request.query)
        cursor = beginning(request)
        log = StageLog(watch=watch, timeout_ms=request.timeout_ms)
        lists = await self.gathering.lists(request, parsed, scope=parsed.scope(request.collections), log=log)
        evidence, judged = await self._judged(lists, parsed, log=log)
        ranked, notes = _allowed(evidence, judged, parsed)
        quotes = bool(parsed.lexical.phrases) and not notes
        documents = await self.hits.visible(evidence.passages, collections=collections)
        rows = tuple(row for row in ranked.rows if evidence.passages[row].docid in documents)
        ranked = replace(ranked, rows=rows)
        ranked = await self._reranked(request, parsed, evidence, ranked, log=log)
        since = time.perf_counter()
        first = next(iter(ranked.rows), None)
        verdict, relevance = self.policy.verdict(
            judged, ranked.relevance, first=first, quoted=quotes, read=first in ranked.logits
        )
        ranked = _likely(replace(ranked, relevance=relevance), request, notes=notes)
        passages = [evidence.passages[row] for row in ranked.rows]
        spans = self.grouping.spans(passages, documents=documents, limit=cursor.hits + request.limit)
        page = page_of(spans, cursor, request, collections=collections)
        answer = Answer(
            query=request.query,
            hits=await self.hits.of(
                [
                    self._shown(part, evidence, judged, ranked, request=request, parsed=parsed, lists=lists)
                    for part in page.parts
                ],
                documents=documents,
                collections=collections,
            ),
            verdict=verdict,
            omitted=page.omitted,
            cursor=page.cursor,
            lines=_lines_found(lists) if request.explain else (),
        )
        log.ran("answer", since=since)
        if page.changed:
            notes.append("The index has changed since the first part of this answer: hits may repeat or be missing.")
        if not answer.hits and not notes and not cursor.hits:
            notes += await self.diagnosis.of_nothing(parsed, collections=request.collections)
        elif answer.hits and not cursor.hits:
            notes += await self.diagnosis.of_missing(parsed, lists.terms)
        return replace(answer, stages=tuple(log.stages), notes=tuple(notes))

    async def _judged(self, lists: Lists, parsed: ParsedQuery, *, log: StageLog) -> tuple[Evidence, Judged]:
        """Fuse, compare the best token by token, and fuse again with what that says."""
        since = time.perf_counter()
        evidence = lists.evidence
        fused = self.policy.fuse(evidence, parsed)
        stranger = self.policy.stranger(parsed.text)
        log.ran("fusion", since=since, reason=stranger and f"BM25 first: {stranger}")
        if self.late is None:
            log.skipped("late interaction", reason=self.no_late)
        elif (reason := self.policy.no_late(parsed.text)) is not None:
            log.skipped("late interaction", reason=reason)
        elif lists.states is None:
            log.shed("late interaction")
        elif not len(evidence):
            log.skipped("late interaction", reason="nothing was found")
        else:
            with anyio.move_on_after(log.seconds_until(1.0)):
                since = time.perf_counter()
                evidence = await compared(
                    evidence, query=parsed.text, states=lists.states, scores=fused.scores, late=self.late
                )
                fused = self.policy.fuse(evidence, parsed, before=fused)
                missing = bool(np.isnan(evidence.maxsim).all())
                log.ran("late interaction", since=since, reason=NO_STATES if missing else None)
                return evidence, self.policy.judge(evidence, parsed, fused)
            log.shed("late interaction")
        return evidence, self.policy.judge(evidence, parsed, fused)

    def _shown(
        self,
        part: Part,
        evidence: Evidence,
        judged: Judged,
        ranked: Ranked,
        *,
        request: QueryRequest,
        parsed: ParsedQuery,
        lists: Lists,
    ) -> Shown:
        row = ranked.rows[part.span.rank]
        text = part.piece.text if part.piece else snippet(part.span.text, parsed.lexical, intent=request.intent)
        features = self.policy.effects(judged, row) if request.explain else ()
        return Shown(
            span=part.span,
            score=float(ranked.scores[row]),
            lines=part.lines,
            snippet=text,
            relevance=None if ranked.relevance is None else float(ranked.relevance[row]),
            explanation=explanation(evidence, row, lists=lists, logits=ranked.logits, features=features)
            if request.explain
            else None,
        )

    async def _reranked(
        self,
        request: QueryRequest,
        parsed: ParsedQuery,
        evidence: Evidence,
        ranked: Ranked,
        *,
        log: StageLog,
    ) -> Ranked:
        """The first candidates by the cross-encoder's word, the others behind them."""
        if not request.rerank:
            log.skipped("rerank", reason="rerank=false")
            return ranked
        if self.reranker is None:
            log.skipped("rerank", reason=self.no_reranker)
            return ranked
        read = list(ranked.rows[: request.candidate_limit])
        if not read:
            log.skipped("rerank", reason="nothing was found")
            return ranked
        with anyio.move_on_after(log.seconds_until(1.0)):
            since = time.perf_counter()
            texts = [evidence.passages[row].embedded_text for row in read]
            try:
                said = await self.reranker.score(parsed.text, texts, intent=request.intent)
            except (SetupError, ModelBusyError) as error:  # the answer is worth more than this stage
                log.skipped("rerank", reason=str(error))
                return ranked
            log.ran("rerank", since=since, provider=self.reranker.provider, batches=said.batches)
            return _reordered(ranked, read, said.logits)
        log.shed("rerank")
        return ranked


def _allowed(evidence: Evidence, judged: Judged, parsed: ParsedQuery) -> tuple[Ranked, list[str]]:
    """The candidates that the query's operators allow, best first."""
    notes: list[str] = []
    allowed = np.array([allows(parsed.lexical, passage) for passage in evidence.passages], dtype=bool)
    if parsed.lexical.phrases and not allowed.any() and len(evidence):
        notes.append(f"No passage has {quoted(parsed.lexical.phrases)}; these are nearest in words and meaning.")
        allowed[:] = True
    rows = tuple(int(row) for row in np.argsort(-judged.scores, kind="stable") if allowed[row])
    return Ranked(rows, scores=judged.scores, relevance=judged.relevance), notes


def _likely(ranked: Ranked, request: QueryRequest, *, notes: list[str]) -> Ranked:
    """Without those below `min_relevance`."""
    if request.min_relevance is None:
        return ranked
    if ranked.relevance is None:
        notes.append("min_relevance has no effect: nothing tells how likely hits of this embedder are relevant.")
        return ranked
    rows = tuple(row for row in ranked.rows if ranked.relevance[row] >= request.min_relevance)
    if ranked.rows and not rows:
        best = max(float(ranked.relevance[row]) for row in ranked.rows)
        notes.append(f"Every hit is below min_relevance={request.min_relevance:g}; the likeliest has {best:.2f}.")
    return replace(ranked, rows=rows)


def _reordered(ranked: Ranked, read: Sequence[int], logits: FloatArray) -> Ranked:
    """What the cross-encoder read by its word and fusion's, the rest behind it as it was."""
    strongest = max(float(ranked.scores.max(initial=0.0)), 1e-6)
    fused = np.clip(ranked.scores / strongest, 0.0, 1.0)
    prior = fused if ranked.relevance is None else ranked.relevance
    said = probabilities(reranked(prior[read], logits))
    scores = (float(said.min()) * fused).astype(np.float32)
    scores[read] = said
    order = [read[position] for position in np.argsort(-said, kind="stable")]
    chosen = frozenset(read)
    relevance = scores.copy() if ranked.relevance is None else np.minimum(ranked.relevance, said.min())
    relevance[read] = said
    return replace(
        ranked,
        rows=(*order, *(row for row in ranked.rows if row not in chosen)),
        scores=scores,
        relevance=relevance,
        logits={row: float(logit) for row, logit in zip(read, logits, strict=True)},
    )


def _lines_found(lists: Lists) -> tuple[LineFound, ...]:
    own = {(passage.docid, passage.ordinal) for passage in lists.lexical.passages}
    if lists.dense is not None:
        own.update((passage.docid, passage.ordinal) for passage in lists.dense.passages)
    return tuple(
        LineFound(
            line=f"{line.kind}: {line.text}",
            found=len(ranking.passages),
            new=sum((passage.docid, passage.ordinal) not in own for passage in ranking.passages),
        )
        for line, ranking in lists.supporting
    )
