"""The three searches, from a request to an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from qmd_mcp.domain.answers import Answer, Stage
from qmd_mcp.domain.documents import Collection, Passage
from qmd_mcp.domain.lookup import FloatArray, LexicalQuery, Ranking, Scope
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.errors import EmptyIndexError, UnknownCollectionError
from qmd_mcp.retrieval.answering.diagnosis import Diagnosis
from qmd_mcp.retrieval.answering.hits import MARGIN, Hits, Shown
from qmd_mcp.retrieval.answering.snippet import snippet
from qmd_mcp.retrieval.answering.spans import Span
from qmd_mcp.retrieval.query.operators import quoted, without_phrases
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse
from qmd_mcp.retrieval.query_pipeline import QueryPipeline
from qmd_mcp.retrieval.search_protocols import Library, PassageIndex, QueryEmbedder
from qmd_mcp.retrieval.stage_log import StageLog


class SearchService:
    """Searches over one index; constructed ready, shared by every caller."""

    def __init__(
        self,
        *,
        index_name: str,
        index: PassageIndex,
        embedder: QueryEmbedder,
        library: Library,
        pipeline: QueryPipeline,
    ) -> None:
        self._index_name = index_name
        self._index = index
        self._embedder = embedder
        self._library = library
        self._hits = Hits(library)
        self._pipeline = pipeline
        self._diagnosis: Diagnosis = pipeline.diagnosis

    async def search(self, request: SearchRequest) -> Answer:
        """BM25 over passages, titles, headings and identifiers."""
        parsed = parse(request.query)
        log, since = StageLog(), time.perf_counter()
        collections = await self._collections(request)
        scope = parsed.scope(request.collections)
        limit = request.limit + MARGIN
        ranking = await self._index.lexical(parsed.lexical, scope=scope, limit=limit, vectors="without")
        notes: list[str] = []
        if not ranking.passages and parsed.lexical.phrases:
            loose = without_phrases(parsed.lexical)
            ranking = await self._index.lexical(loose, scope=scope, limit=limit, vectors="without")
            if ranking.passages:
                notes.append(f"No passage has {quoted(parsed.lexical.phrases)}; these have its words.")
        log.ran("bm25", since=since)
        answer = await self._answer(request, parsed, ranking, collections=collections, log=log)
        if answer.hits:
            notes += self._diagnosis.of_names(parsed, ranking.passages[: request.limit])
        elif ranking.passages:
            notes += _below(request, ranking)
        else:
            notes += await self._diagnosis.of_nothing(parsed, collections=request.collections)
        return _with_notes(answer, notes)

    async def vsearch(self, request: SearchRequest) -> Answer:
        """Dense retrieval by the embedder's cosine."""
        parsed = parse(request.query)
        log, since = StageLog(), time.perf_counter()
        collections = await self._collections(request)
        vector = await self._embedder.embed_query(parsed.text)
        log.ran("embed", since=since, provider=self._embedder.provider)
        since = time.perf_counter()
        ranking = await self._index.dense(vector, scope=parsed.scope(request.collections), limit=request.limit + MARGIN)
        log.ran("dense", since=since)
        answer = await self._answer(request, parsed, ranking, collections=collections, log=log)
        notes = []
        stranger = self._pipeline.policy.stranger(parsed.text)
        if stranger:
            notes.append(f"These hits are uncertain: {stranger}. The search tool finds exact words in every script.")
        if parsed.lexical.phrases or parsed.lexical.negatives:
            notes.append('vsearch goes by meaning alone: "phrases" and -not count in search and query.')
        if ranking.passages and not answer.hits:
            notes += _below(request, ranking)
        elif not answer.hits:
            notes.append("No passage is embedded in this scope. Run qmd-mcp embed, or use the search tool.")
        return _with_notes(answer, notes)

    async def query(self, request: QueryRequest, *, watch: Callable[[Stage], None] | None = None) -> Answer:
        """Both retrievals and everything that can be done with what they find; `watch` is told of every stage."""
        return await self._pipeline.answer(request, collections=await self._collections(request), watch=watch)

    async def warm(self, vector: FloatArray) -> None:
        """Read what the first search would read from disk."""
        words = LexicalQuery(words=("warm",))
        await self._index.lexical(words, scope=Scope(), limit=1, vectors="without")
        await self._index.dense(vector, scope=Scope(), limit=1)

    async def _collections(self, request: SearchRequest) -> Mapping[str, Collection]:
        known = await self._library.collections()
        if not known:
            raise EmptyIndexError(self._index_name)
        for name in request.collections:
            if name not in known:
                raise UnknownCollectionError(name, known=tuple(known))
        return known

    async def _answer(
        self,
        request: SearchRequest,
        parsed: ParsedQuery,
        ranking: Ranking,
        *,
        collections: Mapping[str, Collection],
        log: StageLog,
    ) -> Answer:
        """The best visible passages as hits."""
        documents = await self._hits.visible(ranking.passages, collections=collections)
        kept: list[tuple[Passage, float]] = [
            (passage, float(score))
            for passage, score in zip(ranking.passages, ranking.scores, strict=True)
            if passage.docid in documents and (request.min_score is None or score >= request.min_score)
        ]
        shown = [
            Shown(
                span=Span(passage, (passage,), rank),
                lines=(passage.start_line, passage.end_line),
                score=score,
                snippet=snippet(passage.text, parsed.lexical),
            )
            for rank, (passage, score) in enumerate(kept[: request.limit])
        ]
        hits = await self._hits.of(shown, documents=documents, collections=collections)
        return Answer(query=request.query, hits=hits, stages=tuple(log.stages), omitted=len(kept) - len(hits))


def _with_notes(answer: Answer, notes: Sequence[str]) -> Answer:
    return Answer(
        query=answer.query, hits=answer.hits, stages=answer.stages, notes=tuple(notes), omitted=answer.omitted
    )


def _below(request: SearchRequest, ranking: Ranking) -> list[str]:
    """Why nothing is left of what was found."""
    if request.min_score is None:
        return []
    return [f"Every passage scores below min_score={request.min_score:g}; the best has {ranking.scores.max():.3g}."]
