"""Looking a query up in every way at once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import anyio

from qmd_mcp.domain.availability import Absent
from qmd_mcp.domain.documents import SubQuery
from qmd_mcp.domain.lookup import FloatArray, LexicalQuery, Ranking, Scope
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.domain.token_states import QueryStates
from qmd_mcp.errors import CallerError, ModelBusyError, SetupError
from qmd_mcp.retrieval.candidates.evidence import gather
from qmd_mcp.retrieval.candidates.found_candidates import Candidates
from qmd_mcp.retrieval.query.expansion_gate import Lead, why_not_expanded
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse
from qmd_mcp.retrieval.search_protocols import Expander, PassageIndex, QueryEmbedder, TermFrequencies, TokenEmbedder
from qmd_mcp.retrieval.stage_log import StageLog
from qmd_mcp.retrieval.vocabulary.near_words import NearWords
from qmd_mcp.retrieval.vocabulary.query_terms import query_terms
from qmd_mcp.tasks import concurrently

CANDIDATES = 100
"""Length of each list that is fused: at 100, recall equals that of the deepest measure of the evaluation."""

SUPPORT = 20
"""Length of a sub-query's list, as in qmd: the list supports hits, it does not fill the answer."""

EXPANDING = 0.5
"""Share of the timeout that the expander may take: looking its lines up and reranking need the rest."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What the embedder made of the query, and what dense retrieval found by it."""

    vector: FloatArray | None = None
    states: QueryStates | None = None
    ranking: Ranking | None = None


@dataclass(frozen=True, slots=True)
class CandidateRetrieval:
    """Finds the candidates of a query by BM25, by vector, and by sub-queries, all at the same time."""

    index: PassageIndex
    embedder: QueryEmbedder
    tokens: TokenEmbedder | Absent
    """Absent if the index keeps no token states for its embedder."""
    vocabulary: TermFrequencies
    expander: Expander | Absent

    async def retrieve(
        self, request: QueryRequest, parsed: ParsedQuery, *, near: NearWords, scope: Scope, log: StageLog
    ) -> Candidates:
        """Make every look-up that the time allows and join what they find."""
        terms, (lexical, supporting), meaning, indexed = await concurrently(
            partial(query_terms, parsed.lexical, vocabulary=self.vocabulary, near=near),
            partial(self._by_words_and_sub_queries, request, parsed, scope=scope, log=log),
            partial(self._by_meaning, parsed, scope=scope, log=log),
            self.vocabulary.passages,
        )
        evidence = gather(
            lexical=lexical,
            dense=meaning.ranking,
            query=meaning.vector,
            supporting=[ranking for _, ranking in supporting],
            terms=terms,
            indexed=indexed,
        )
        return Candidates(evidence, states=meaning.states, supporting=supporting)

    async def _by_words_and_sub_queries(
        self, request: QueryRequest, parsed: ParsedQuery, *, scope: Scope, log: StageLog
    ) -> tuple[Ranking, tuple[tuple[SubQuery, Ranking], ...]]:
        by_words = partial(self._by_words, parsed, scope=scope, log=log)
        if request.searches:
            log.skipped("expand", reason="the caller gave its own searches")
            return await concurrently(by_words, partial(self._supporting, request.searches, scope=scope, log=log))
        lexical = await by_words()  # first, since a query whose first hit is clear needs no expansion
        lines = await self._expansion(request, parsed, lexical, log=log)
        supporting = await self._supporting(lines, scope=scope, log=log)
        if lines and supporting and not any(ranking.passages for _, ranking in supporting):
            self._drop_expansion(parsed)
        return lexical, supporting

    async def _by_words(self, parsed: ParsedQuery, *, scope: Scope, log: StageLog) -> Ranking:
        since = time.perf_counter()
        ranking = await self.index.lexical(parsed.lexical, scope=scope, limit=CANDIDATES, vectors="with")
        log.ran("bm25", since=since)
        return ranking

    async def _by_meaning(self, parsed: ParsedQuery, *, scope: Scope, log: StageLog) -> _Meaning:
        found = _Meaning()
        with anyio.move_on_after(log.seconds_left()) as in_time:
            since = time.perf_counter()
            if isinstance(self.tokens, Absent):
                vector, states = await self.embedder.embed_query(parsed.text), None
            else:
                states = await self.tokens.query_states(parsed.text)
                vector = states.vector
            found = _Meaning(vector, states)
            log.ran("embed", since=since, provider=self.embedder.provider)
            since = time.perf_counter()
            found = _Meaning(vector, states, await self.index.dense(vector, scope=scope, limit=CANDIDATES))
            log.ran("dense", since=since)
        if in_time.cancelled_caught:
            log.shed("dense")
        return found

    async def _expansion(
        self, request: QueryRequest, parsed: ParsedQuery, lexical: Ranking, *, log: StageLog
    ) -> tuple[SubQuery, ...]:
        """The expander's sub-queries; none if it is absent, not wanted, not needed or too slow."""
        if not request.expand:
            log.skipped("expand", reason="expand=false")
        elif isinstance(self.expander, Absent):
            log.skipped("expand", reason=self.expander.reason)
        elif reason := why_not_expanded(parsed, lead=_lead(lexical)):
            log.skipped("expand", reason=reason)
        else:
            with anyio.move_on_after(log.seconds_left(share=EXPANDING)):
                since = time.perf_counter()
                try:
                    expansion = await self.expander.expand(parsed.text)
                except (SetupError, ModelBusyError) as error:  # the answer is worth more than this stage
                    log.skipped("expand", reason=str(error))
                    return ()
                cached = "known from an earlier query" if expansion.cached else None
                log.ran("expand", since=since, provider=self.expander.provider, reason=cached)
                return expansion.lines
            log.shed("expand")
        return ()

    def _drop_expansion(self, parsed: ParsedQuery) -> None:
        """Lines that found nothing are not worth keeping: after the next update other lines may find something."""
        if not isinstance(self.expander, Absent):
            self.expander.forget(parsed.text)

    async def _supporting(
        self, lines: tuple[SubQuery, ...], *, scope: Scope, log: StageLog
    ) -> tuple[tuple[SubQuery, Ranking], ...]:
        """Each line with what it found, in the lines' order; a line that cannot be looked up is left out."""
        if not lines:
            return ()
        with anyio.move_on_after(log.seconds_left()):
            since = time.perf_counter()
            distinct = tuple(dict.fromkeys(lines))
            lexical = [line for line in distinct if line.kind == "lex"]
            dense = [line for line in distinct if line.kind != "lex"]
            by_words, by_meaning = await concurrently(
                partial(self._each_by_words, lexical, scope=scope), partial(self._each_by_meaning, dense, scope=scope)
            )
            found = {**by_words, **by_meaning}
            log.ran("sub-queries", since=since)
            return tuple((line, found[line]) for line in lines if line in found)
        log.shed("sub-queries")
        return ()

    async def _each_by_words(self, lines: list[SubQuery], *, scope: Scope) -> dict[SubQuery, Ranking]:
        queries = {line: query for line in lines if not (query := _words_of(line)).is_empty}
        rankings = await concurrently(
            *(
                partial(self.index.lexical, query, scope=scope, limit=SUPPORT, vectors="with")
                for query in queries.values()
            )
        )
        return dict(zip(queries, rankings, strict=True))

    async def _each_by_meaning(self, lines: list[SubQuery], *, scope: Scope) -> dict[SubQuery, Ranking]:
        if not lines:
            return {}
        vectors = await self.embedder.embed_queries([line.text for line in lines])
        rankings = await concurrently(
            *(partial(self.index.dense, vector, scope=scope, limit=SUPPORT) for vector in vectors)
        )
        return dict(zip(lines, rankings, strict=True))


def _words_of(line: SubQuery) -> LexicalQuery:
    """The query that a `lex` line stands for; empty for a line that only excludes or filters."""
    try:
        return parse(line.text).lexical
    except CallerError:
        return LexicalQuery(words=())


def _lead(lexical: Ranking) -> Lead | None:
    """How far the first hit is ahead of the best hit of another document; None without a hit."""
    if not lexical.passages:
        return None
    others = (
        float(score)
        for passage, score in zip(lexical.passages, lexical.scores, strict=True)
        if passage.docid != lexical.passages[0].docid
    )
    return Lead(first=float(lexical.scores[0]), second=next(others, 0.0))
