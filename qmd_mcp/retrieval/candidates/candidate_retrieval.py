"""Every list of one query: its own two, and those of its sub-queries."""

from __future__ import annotations

import time
from dataclasses import dataclass

import anyio

from qmd_mcp.domain.documents import SubQuery
from qmd_mcp.domain.lookup import FloatArray, LexicalQuery, Ranking, Scope
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.domain.token_states import QueryStates
from qmd_mcp.errors import CallerError, ModelBusyError, SetupError
from qmd_mcp.retrieval.candidates.evidence import Evidence, gather
from qmd_mcp.retrieval.query.expansion_gate import Lead, why_not_expanded
from qmd_mcp.retrieval.query.query_terms import query_terms
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse
from qmd_mcp.retrieval.query.term_occurrences import Term
from qmd_mcp.retrieval.search_protocols import Expander, IndexVocabulary, PassageIndex, QueryEmbedder, TokenEmbedder
from qmd_mcp.retrieval.stage_log import StageLog
from qmd_mcp.tasks import task_group

CANDIDATES = 100
"""Length of each list that is fused: at 100 recall is that of the evaluation's deepest measure."""

SUPPORT = 20
"""Length of a sub-query's list, as in qmd: it supports hits, it does not fill the answer."""

EXPANDING = 0.5
"""Share of the timeout that writing sub-queries may take: looking them up and reranking need the rest."""


@dataclass(frozen=True, slots=True)
class Lists:
    """What the lookups of one query found."""

    lexical: Ranking
    dense: Ranking | None
    """Null where there was no time for it."""
    vector: FloatArray | None
    """The query's, [dimension]."""
    states: QueryStates | None = None
    """The query's; null where there was no time for them or the embedder's are not kept."""
    supporting: tuple[tuple[SubQuery, Ranking], ...] = ()
    terms: tuple[Term, ...] = ()
    """The query's, as the index analyses them."""
    indexed: int = 0
    """Passages of the index."""

    @property
    def evidence(self) -> Evidence:
        """All of it in one table."""
        return gather(
            lexical=self.lexical,
            dense=self.dense,
            query=self.vector,
            supporting=[ranking for _, ranking in self.supporting],
            terms=self.terms,
            indexed=self.indexed,
        )


@dataclass(frozen=True, slots=True)
class Gathering:
    """Looks a query up in every way at once."""

    index: PassageIndex
    embedder: QueryEmbedder
    tokens: TokenEmbedder | None
    """Null where the embedder's token states are not kept."""
    vocabulary: IndexVocabulary
    expander: Expander | None
    no_expander: str
    """Why there is none."""

    async def lists(self, request: QueryRequest, parsed: ParsedQuery, *, scope: Scope, log: StageLog) -> Lists:
        """Both lookups of the query itself, beside the writing of its sub-queries."""
        found: dict[str, Ranking] = {}
        vectors: list[FloatArray] = []
        states: list[QueryStates] = []
        supporting: list[tuple[SubQuery, Ranking]] = []
        looked_up = anyio.Event()

        terms: list[Term] = []

        async def analysed() -> None:
            terms.extend(await query_terms(parsed.lexical, vocabulary=self.vocabulary))

        async def by_words() -> None:
            since = time.perf_counter()
            found["lexical"] = await self.index.lexical(parsed.lexical, scope=scope, limit=CANDIDATES, vectors="with")
            log.ran("bm25", since=since)
            looked_up.set()

        async def by_meaning() -> None:
            with anyio.move_on_after(log.seconds_until(1.0)) as in_time:
                since = time.perf_counter()
                if self.tokens is None:
                    vectors.append(await self.embedder.embed_query(parsed.text))
                else:
                    states.append(await self.tokens.query_states(parsed.text))
                    vectors.append(states[0].vector)
                log.ran("embed", since=since, provider=self.embedder.provider)
                since = time.perf_counter()
                found["dense"] = await self.index.dense(vectors[0], scope=scope, limit=CANDIDATES)
                log.ran("dense", since=since)
            if in_time.cancelled_caught:
                log.shed("dense")

        async def by_sub_queries() -> None:
            lines = request.searches
            if lines:
                log.skipped("expand", reason="the caller gave its own searches")
            else:
                await looked_up.wait()  # a strong first list makes expansion needless
                lines = await self._expanded(request, parsed, found["lexical"], log=log)
            with anyio.move_on_after(log.seconds_until(1.0)) as in_time:
                since = time.perf_counter()
                supporting.extend(await self._support(lines, scope=scope))
                if lines:
                    log.ran("sub-queries", since=since)
                    if not request.searches and not any(ranking.passages for _, ranking in supporting):
                        self._forget(parsed)
            if in_time.cancelled_caught:
                log.shed("sub-queries")

        async with task_group() as group:
            group.start_soon(analysed)
            group.start_soon(by_words)
            group.start_soon(by_meaning)
            group.start_soon(by_sub_queries)
        return Lists(
            lexical=found["lexical"],
            dense=found.get("dense"),
            vector=vectors[0] if vectors else None,
            states=states[0] if states else None,
            supporting=tuple(supporting),
            terms=tuple(terms),
            indexed=await self.vocabulary.passages(),
        )

    def _forget(self, parsed: ParsedQuery) -> None:
        """Lines that found nothing are not worth keeping: after an update others may be written."""
        if self.expander is not None:
            self.expander.forget(parsed.text)

    async def _expanded(
        self, request: QueryRequest, parsed: ParsedQuery, lexical: Ranking, *, log: StageLog
    ) -> tuple[SubQuery, ...]:
        if not request.expand:
            log.skipped("expand", reason="expand=false")
        elif self.expander is None:
            log.skipped("expand", reason=self.no_expander)
        elif reason := why_not_expanded(parsed, lead=_lead(lexical)):
            log.skipped("expand", reason=reason)
        else:
            with anyio.move_on_after(log.seconds_until(EXPANDING)):
                since = time.perf_counter()
                try:
                    expansion = await self.expander.expand(parsed.text)
                except (SetupError, ModelBusyError) as error:  # the answer is worth more than this stage
                    log.skipped("expand", reason=str(error))
                    return ()
                known = "known from an earlier query" if expansion.cached else None
                log.ran("expand", since=since, provider=self.expander.provider, reason=known)
                return expansion.lines
            log.shed("expand")
        return ()

    async def _support(self, lines: tuple[SubQuery, ...], *, scope: Scope) -> list[tuple[SubQuery, Ranking]]:
        """The list of each line, in their order; a line that cannot be looked up finds nothing."""
        rankings: dict[int, Ranking] = {}
        said = [number for number, line in enumerate(lines) if line.kind != "lex"]

        async def by_words(number: int) -> None:
            lexical = _words_of(lines[number])
            if not lexical.is_empty:
                rankings[number] = await self.index.lexical(lexical, scope=scope, limit=SUPPORT, vectors="with")

        async def by_meaning(number: int, vector: FloatArray) -> None:
            rankings[number] = await self.index.dense(vector, scope=scope, limit=SUPPORT)

        async with task_group() as group:
            for number in range(len(lines)):
                if number not in said:
                    group.start_soon(by_words, number)
            if said:
                for number, vector in zip(
                    said, await self.embedder.embed_queries([lines[number].text for number in said]), strict=True
                ):
                    group.start_soon(by_meaning, number, vector)
        return [(line, rankings[number]) for number, line in enumerate(lines) if number in rankings]


def _words_of(line: SubQuery) -> LexicalQuery:
    try:
        return parse(line.text).lexical
    except CallerError:  # a line that only excludes or filters
        return LexicalQuery(words=())


def _lead(lexical: Ranking) -> Lead | None:
    """How far the first hit is ahead of the best of another document; null without a hit."""
    if not lexical.passages:
        return None
    others = (
        float(score)
        for passage, score in zip(lexical.passages, lexical.scores, strict=True)
        if passage.docid != lexical.passages[0].docid
    )
    return Lead(first=float(lexical.scores[0]), second=next(others, 0.0))
