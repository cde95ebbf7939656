"""The three searches, from a request to an answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from qmd_mcp.domain.answers import Answer, Stage
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.lookup import FloatArray, LexicalQuery, Ranking, Scope
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.errors import UnknownCollectionError
from qmd_mcp.index_errors import EmptyIndexError
from qmd_mcp.retrieval.answering.diagnosis import Diagnosis, limits_of
from qmd_mcp.retrieval.answering.found_hits import MARGIN, FoundHits
from qmd_mcp.retrieval.answering.gaps import Gaps
from qmd_mcp.retrieval.answering.hits import Hits
from qmd_mcp.retrieval.answering.listing import Listing
from qmd_mcp.retrieval.answering.newest_first import NEWEST_OF, ranking_by_date
from qmd_mcp.retrieval.candidates.candidate_retrieval import CANDIDATES
from qmd_mcp.retrieval.consistent_reads import ConsistentReads
from qmd_mcp.retrieval.query.exclusions import Exclusions, kept
from qmd_mcp.retrieval.query.known_scripts import KnownScripts
from qmd_mcp.retrieval.query.literal_phrases import literal_first
from qmd_mcp.retrieval.query.operators import without_phrases
from qmd_mcp.retrieval.query.syntax import no_filters, parse_request
from qmd_mcp.retrieval.query_pipeline import QueryPipeline
from qmd_mcp.retrieval.search_protocols import Library, PassageIndex, QueryEmbedder
from qmd_mcp.retrieval.stage_log import StageLog
from qmd_mcp.retrieval.vocabulary.near_word_finder import NearWordFinder
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
        exclusions: Exclusions,
        listing: Listing,
    ) -> None:
        self._index_name = index_name
        self._index = index
        self._embedder = embedder
        self._library = library
        self._found = FoundHits(hits)
        self._pipeline = pipeline
        self._near = near
        self._diagnosis = diagnosis
        self._gaps = gaps
        self._scripts = scripts
        self._reads = reads
        self._exclusions = exclusions
        self._listing = listing

    async def search(self, request: SearchRequest) -> Answer:
        """Rank passages by BM25 over their text, title, headings and identifiers."""
        log = StageLog()
        return await self._answered(request, partial(self._search, request, log), log=log)

    async def vsearch(self, request: SearchRequest) -> Answer:
        """Rank passages by the cosine of their vectors with the query's."""
        log = StageLog()
        return await self._answered(request, partial(self._vsearch, request, log), log=log)

    async def query(self, request: QueryRequest, *, watch: Callable[[Stage], None] | None = None) -> Answer:
        """Fuse both retrievals, rerank, and judge the result; `watch` is called with each stage as it ends."""
        log = StageLog(watch=watch, timeout_ms=request.timeout_ms)
        return await self._answered(request, partial(self._query, request, log), log=log)

    async def _answered(
        self, request: SearchRequest, attempt: Callable[[], Awaitable[Answer]], *, log: StageLog
    ) -> Answer:
        """An answer that sees one state of the index.

        It says what was taken for a word and may have been meant as a filter, and what of the index it had to go
        without.
        """
        answer = await self._reads.answer(attempt, log=log)
        return replace(answer, notes=(*no_filters(request.query), *answer.notes, *await self._index.obstacles()))

    async def warm(self, vector: FloatArray) -> None:
        """Read what the first search would otherwise have to read from disk."""
        words = LexicalQuery(words=("warm",))
        await self._index.lexical(words, scope=Scope(), limit=1, vectors="without")
        await self._index.dense(vector, scope=Scope(), limit=1)

    async def _search(self, request: SearchRequest, log: StageLog) -> Answer:
        collections = await self._collections(request)
        since = time.perf_counter()
        parsed, left_out = await self._exclusions.settled(request)
        if parsed.only_filters:
            return await self._listing.answer(request, parsed, collections=collections, log=log)
        size = _size(request)
        if parsed.lexical.phrases:  # those that have a phrase literally should be among what is read
            size = max(size, CANDIDATES)
        read = partial(self._by_words, parsed.lexical, parsed.filters)
        ranking, near = await concurrently(partial(read, size), partial(self._near.of, parsed))
        if near:
            parsed = near.applied(parsed)
            read = partial(self._by_words, parsed.lexical, parsed.filters)
            ranking = await read(size)
        notes = near.notes()
        if not ranking.passages and parsed.lexical.phrases:
            read = partial(self._by_words, without_phrases(parsed.lexical), parsed.filters)
            ranking = await read(size)
            if ranking.passages:
                notes += await self._diagnosis.of_phrases(parsed, collections=request.collections)
        log.ran("bm25", since=since)
        if request.sort == "date" and ranking.passages:
            ranking, sentence = ranking_by_date(ranking)
            notes.append(sentence)
        found = await self._found.of(request, parsed, ranking, collections=collections, read=read, size=size)
        answer = found.answer(request, log=log)
        if answer.hits:
            notes += self._diagnosis.of_names(parsed, ranking.passages[: request.limit])
        elif ranking.passages:
            notes += _below_min_score(request, ranking)
        else:
            notes += await self._diagnosis.of_nothing(parsed, collections=request.collections, near=near)
            notes += await self._gaps.of_words(collections=request.collections)
        return replace(answer, notes=(*notes, *left_out))

    async def _vsearch(self, request: SearchRequest, log: StageLog) -> Answer:
        collections = await self._collections(request)
        since, parsed = time.perf_counter(), parse_request(request)
        if parsed.only_filters:
            return await self._listing.answer(request, parsed, collections=collections, log=log)
        vector = await self._embedder.embed_query(parsed.text)
        log.ran("embed", since=since, provider=self._embedder.provider)
        since, size = time.perf_counter(), _size(request)
        read = partial(self._by_meaning, vector, parsed.filters)
        ranking = await read(size)
        log.ran("dense", since=since)
        notes: list[str] = []
        if request.sort == "date" and ranking.passages:
            ranking, sentence = ranking_by_date(ranking)
            notes.append(sentence)
        found = await self._found.of(request, parsed, ranking, collections=collections, read=read, size=size)
        answer = found.answer(request, log=log)
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
        return replace(answer, notes=(*notes, *await self._exclusions.of_filters(parsed), *kept(parsed)))

    async def _query(self, request: QueryRequest, log: StageLog) -> Answer:
        collections = await self._collections(request)
        parsed = parse_request(request)
        if parsed.only_filters:
            return await self._listing.answer(request, parsed, collections=collections, log=log)
        if not any(character.isalnum() for character in parsed.text):  # signs have no meaning that could be compared
            return await self._search(request, log)
        return await self._pipeline.answer(request, collections=collections, log=log)

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

    async def _by_words(self, query: LexicalQuery, scope: Scope, limit: int) -> Ranking:
        """The best passages by BM25, those first that have the phrases literally."""
        ranking = await self._index.lexical(query, scope=scope, limit=limit, vectors="without")
        order = literal_first(query.phrases, ranking.passages)
        passages = tuple(ranking.passages[row] for row in order)
        return Ranking(passages, scores=ranking.scores[order], vectors=ranking.vectors[order])

    async def _by_meaning(self, vector: FloatArray, scope: Scope, limit: int) -> Ranking:
        return await self._index.dense(vector, scope=scope, limit=limit)


def _size(request: SearchRequest) -> int:
    """How many passages are read first."""
    return max(request.limit, NEWEST_OF if request.sort == "date" else 0) + MARGIN


def _below_min_score(request: SearchRequest, ranking: Ranking) -> list[str]:
    """A note that `min_score` left none of the passages that were found."""
    if request.min_score is None:
        return []
    return [f"Every passage scores below min_score={request.min_score:g}; the best has {ranking.scores.max():.3g}."]
