"""The three searches, from a request to an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from qmd_mcp.domain.answers import Answer, Stage
from qmd_mcp.domain.documents import Collection, Passage
from qmd_mcp.domain.lookup import FloatArray, LexicalQuery, Ranking, Scope
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.errors import EmptyIndexError, UnknownCollectionError
from qmd_mcp.retrieval.answering.diagnosis import Diagnosis, limits_of
from qmd_mcp.retrieval.answering.gaps import Gaps
from qmd_mcp.retrieval.answering.hits import MARGIN, Hits, Shown
from qmd_mcp.retrieval.answering.snippet import snippet
from qmd_mcp.retrieval.answering.spans import Span
from qmd_mcp.retrieval.consistent_reads import ConsistentReads
from qmd_mcp.retrieval.query.known_scripts import KnownScripts
from qmd_mcp.retrieval.query.near_word_finder import NearWordFinder
from qmd_mcp.retrieval.query.operators import without_phrases
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse
from qmd_mcp.retrieval.query_pipeline import QueryPipeline
from qmd_mcp.retrieval.search_protocols import Library, PassageIndex, QueryEmbedder
from qmd_mcp.retrieval.stage_log import StageLog
from qmd_mcp.tasks import concurrently


class SearchService:
    """Searches one index; constructed ready, shared by every caller."""

    def __init__(
        self,
        *,
        index_name: str,
        index: PassageIndex,
        embedder: QueryEmbedder,
        library: Library,
        hits: Hits,
        pipeline: QueryPipeline,
        near: NearWordFinder,
        diagnosis: Diagnosis,
        gaps: Gaps,
        scripts: KnownScripts,
        reads: ConsistentReads,
    ) -> None:
        self._index_name = index_name
        self._index = index
        self._embedder = embedder
        self._library = library
        self._hits = hits
        self._pipeline = pipeline
        self._near = near
        self._diagnosis = diagnosis
        self._gaps = gaps
        self._scripts = scripts
        self._reads = reads

    async def search(self, request: SearchRequest) -> Answer:
        """Rank passages by BM25 over their text, title, headings and identifiers."""
        log = StageLog()
        return await self._reads.answer(partial(self._search, request, log), log=log)

    async def vsearch(self, request: SearchRequest) -> Answer:
        """Rank passages by the cosine of their vectors with the query's."""
        log = StageLog()
        return await self._reads.answer(partial(self._vsearch, request, log), log=log)

    async def query(self, request: QueryRequest, *, watch: Callable[[Stage], None] | None = None) -> Answer:
        """Fuse both retrievals, rerank, and judge the result; `watch` is called with each stage as it ends."""
        log = StageLog(watch=watch, timeout_ms=request.timeout_ms)
        return await self._reads.answer(partial(self._query, request, log), log=log)

    async def warm(self, vector: FloatArray) -> None:
        """Read what the first search would otherwise have to read from disk."""
        words = LexicalQuery(words=("warm",))
        await self._index.lexical(words, scope=Scope(), limit=1, vectors="without")
        await self._index.dense(vector, scope=Scope(), limit=1)

    async def _search(self, request: SearchRequest, log: StageLog) -> Answer:
        parsed, since = parse(request.query), time.perf_counter()
        collections = await self._collections(request)
        scope, limit = parsed.scope(request.collections), request.limit + MARGIN
        by_words = partial(self._index.lexical, scope=scope, limit=limit, vectors="without")
        ranking, near = await concurrently(partial(by_words, parsed.lexical), partial(self._near.of, parsed))
        if near:
            parsed = near.applied(parsed)
            ranking = await by_words(parsed.lexical)
        notes = near.notes()
        if not ranking.passages and parsed.lexical.phrases:
            ranking = await by_words(without_phrases(parsed.lexical))
            if ranking.passages:
                notes += await self._diagnosis.of_phrases(parsed, collections=request.collections)
        log.ran("bm25", since=since)
        answer = await self._answer(request, parsed, ranking, collections=collections, log=log)
        if answer.hits:
            notes += self._diagnosis.of_names(parsed, ranking.passages[: request.limit])
        elif ranking.passages:
            notes += _below_min_score(request, ranking)
        else:
            notes += await self._diagnosis.of_nothing(parsed, collections=request.collections, near=near)
            notes += await self._gaps.of_words(collections=request.collections)
        return replace(answer, notes=tuple(notes))

    async def _vsearch(self, request: SearchRequest, log: StageLog) -> Answer:
        parsed, since = parse(request.query), time.perf_counter()
        collections = await self._collections(request)
        vector = await self._embedder.embed_query(parsed.text)
        log.ran("embed", since=since, provider=self._embedder.provider)
        since = time.perf_counter()
        ranking = await self._index.dense(vector, scope=parsed.scope(request.collections), limit=request.limit + MARGIN)
        log.ran("dense", since=since)
        answer = await self._answer(request, parsed, ranking, collections=collections, log=log)
        notes: list[str] = []
        if (objection := self._scripts.objection(parsed.text)) is not None:
            notes.append(f"These hits are uncertain: {objection}. The search tool finds exact words in every script.")
        if parsed.lexical.phrases or parsed.lexical.negatives:
            notes.append('vsearch goes by meaning alone: "phrases" and -not count in search and query.')
        if ranking.passages and not answer.hits:
            notes += _below_min_score(request, ranking)
        elif not answer.hits:
            limits = limits_of(parsed, request.collections)
            within = f" within {limits}" if limits else ""
            notes.append(f"No embedded passage was found{within}.")
            notes += await self._gaps.of_vectors() + await self._gaps.of_words(collections=request.collections)
        return replace(answer, notes=tuple(notes))

    async def _query(self, request: QueryRequest, log: StageLog) -> Answer:
        return await self._pipeline.answer(request, collections=await self._collections(request), log=log)

    async def _collections(self, request: SearchRequest) -> Mapping[str, Collection]:
        """Every collection of the index.

        Raises:
            EmptyIndexError: the index has no collection.
            UnknownCollectionError: the request names one that the index does not have.
        """
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


def _below_min_score(request: SearchRequest, ranking: Ranking) -> list[str]:
    """A note that `min_score` left none of the passages that were found."""
    if request.min_score is None:
        return []
    return [f"Every passage scores below min_score={request.min_score:g}; the best has {ranking.scores.max():.3g}."]
