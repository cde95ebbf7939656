"""The three searches, from a request to an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from qmd_mcp.documents import Answer, Collection, Document, Freshness, Hit, Passage, Stage, shown_docid, uri_of
from qmd_mcp.errors import EmptyIndexError, UnknownCollectionError
from qmd_mcp.lookup import FloatArray, LexicalQuery, Ranking, Scope
from qmd_mcp.retrieval.diagnosis import Diagnosis, Vocabulary
from qmd_mcp.retrieval.evidence import Evidence, gather
from qmd_mcp.retrieval.fusion import convex, lexical_only, reciprocal_ranks
from qmd_mcp.retrieval.request import SearchRequest
from qmd_mcp.retrieval.script import script_of
from qmd_mcp.retrieval.snippet import snippet
from qmd_mcp.retrieval.syntax import ParsedQuery, parse
from qmd_mcp.tasks import task_group

CANDIDATES = 100
"""Length of each list that is fused: at 100 recall is that of the evaluation's deepest measure."""

MARGIN = 10
"""Candidates read beyond the limit, for those that an update is just making invisible."""


class PassageIndex(Protocol):
    """Where passages are found."""

    async def lexical(
        self, query: LexicalQuery, *, scope: Scope, limit: int, vectors: Literal["with", "without"]
    ) -> Ranking:
        """BM25, best first."""
        ...

    async def dense(self, vector: FloatArray, *, scope: Scope, limit: int) -> Ranking:
        """Cosine, best first."""
        ...


class QueryEmbedder(Protocol):
    """Where queries become vectors."""

    @property
    def provider(self) -> str | None:
        """Where it runs."""
        ...

    async def embed_query(self, text: str) -> FloatArray:
        """[dimension], unit length."""
        ...


class Library(Protocol):
    """What is known about the files behind the passages."""

    async def collections(self) -> Mapping[str, Collection]:
        """By name."""
        ...

    async def documents(self, docids: Sequence[str]) -> Mapping[str, Document]:
        """The visible ones."""
        ...

    async def freshness(self, documents: Sequence[Document]) -> Mapping[str, Freshness]:
        """By docid."""
        ...


@dataclass(frozen=True, slots=True)
class FusionPolicy:
    """How `query` combines its lists."""

    method: Literal["convex", "rrf"]
    alpha: float
    rrf_k: int
    embedder: str
    """Its name, for the answer."""
    scripts: tuple[str, ...]
    """Scripts that the embedder knows; empty for all."""

    def knows(self, text: str) -> str | None:
        """Null if the embedder knows the text's script, else why it has no say."""
        script = script_of(text)
        if not self.scripts or script is None or script in self.scripts:
            return None
        return f"the query is in {script} script, which {self.embedder} does not know"


class SearchService:
    """Searches over one index; constructed ready, shared by every caller."""

    def __init__(
        self,
        *,
        index_name: str,
        index: PassageIndex,
        embedder: QueryEmbedder,
        library: Library,
        vocabulary: Vocabulary,
        policy: FusionPolicy,
    ) -> None:
        self._index_name = index_name
        self._index = index
        self._embedder = embedder
        self._library = library
        self._diagnosis = Diagnosis(vocabulary)
        self._policy = policy

    async def search(self, request: SearchRequest) -> Answer:
        """BM25 over passages, titles, headings and identifiers."""
        parsed = parse(request.query)
        clock = _Clock()
        collections = await self._collections(request)
        scope = parsed.scope(request.collections)
        limit = request.limit + MARGIN
        ranking = await self._index.lexical(parsed.lexical, scope=scope, limit=limit, vectors="without")
        notes: list[str] = []
        if not ranking.passages and parsed.lexical.phrases:
            loose = _without_phrases(parsed.lexical)
            ranking = await self._index.lexical(loose, scope=scope, limit=limit, vectors="without")
            if ranking.passages:
                notes.append(f"No passage has {_quoted(parsed.lexical.phrases)}; these have its words.")
        clock.stage("bm25")
        answer = await self._answer(request, parsed, ranking.passages, ranking.scores, collections=collections)
        if ranking.passages and not answer.hits:
            notes += _below(request, ranking)
        elif not answer.hits:
            notes += await self._diagnosis.of_nothing(parsed, collections=request.collections)
        else:
            notes += self._diagnosis.of_names(parsed, ranking.passages[: request.limit])
        return _completed(answer, stages=clock.stages, notes=notes)

    async def vsearch(self, request: SearchRequest) -> Answer:
        """Dense retrieval by the embedder's cosine."""
        parsed = parse(request.query)
        clock = _Clock()
        collections = await self._collections(request)
        vector = await self._embedder.embed_query(parsed.text)
        clock.stage("embed", provider=self._embedder.provider)
        ranking = await self._index.dense(vector, scope=parsed.scope(request.collections), limit=request.limit + MARGIN)
        clock.stage("dense")
        answer = await self._answer(request, parsed, ranking.passages, ranking.scores, collections=collections)
        notes = []
        stranger = self._policy.knows(parsed.text)
        if stranger:
            notes.append(f"These hits are uncertain: {stranger}. The search tool finds exact words in every script.")
        if parsed.lexical.phrases or parsed.lexical.negatives:
            notes.append('vsearch goes by meaning alone: "phrases" and -not count in search and query.')
        if ranking.passages and not answer.hits:
            notes += _below(request, ranking)
        elif not answer.hits:
            notes.append("No passage is embedded in this scope. Run qmd-mcp embed, or use the search tool.")
        return _completed(answer, stages=clock.stages, notes=notes)

    async def query(self, request: SearchRequest, *, watch: Callable[[Stage], None] | None = None) -> Answer:
        """Both retrievals, overlapped and fused; `watch` is told of every stage as it ends."""
        parsed = parse(request.query)
        clock = _Clock(watch)
        collections = await self._collections(request)
        scope = parsed.scope(request.collections)
        stranger = self._policy.knows(parsed.text)
        found: dict[str, Ranking] = {}
        vectors: list[FloatArray] = []

        async def by_words() -> None:
            found["lexical"] = await self._index.lexical(parsed.lexical, scope=scope, limit=CANDIDATES, vectors="with")
            clock.stage("bm25")

        async def by_meaning() -> None:
            started = time.perf_counter()
            vectors.append(await self._embedder.embed_query(parsed.text))
            clock.stage("embed", provider=self._embedder.provider, started=started)
            started = time.perf_counter()
            found["dense"] = await self._index.dense(vectors[0], scope=scope, limit=CANDIDATES)
            clock.stage("dense", started=started)

        async with task_group() as both:
            both.start_soon(by_words)
            if stranger is None:
                both.start_soon(by_meaning)
        if stranger is not None:
            clock.skipped("embed", reason=stranger)
            clock.skipped("dense", reason=stranger)
        started = time.perf_counter()
        evidence = gather(lexical=found["lexical"], dense=found.get("dense"), query=vectors[0] if vectors else None)
        scores = self._fused(evidence, alone=stranger is not None)
        allowed = np.array([_allows(parsed.lexical, passage) for passage in evidence.passages], dtype=bool)
        notes: list[str] = []
        if parsed.lexical.phrases and not allowed.any() and len(evidence):
            notes.append(f"No passage has {_quoted(parsed.lexical.phrases)}; these are nearest in words and meaning.")
            allowed[:] = True
        order = [row for row in np.argsort(-scores, kind="stable") if allowed[row]]
        clock.stage("fusion", started=started)
        ranked = [evidence.passages[row] for row in order]
        answer = await self._answer(request, parsed, ranked, scores[order], collections=collections)
        if not answer.hits:
            notes += await self._diagnosis.of_nothing(parsed, collections=request.collections)
        return _completed(answer, stages=clock.stages, notes=notes)

    async def warm(self, vector: FloatArray) -> None:
        """Read what the first search would read from disk."""
        words = LexicalQuery(words=("warm",))
        await self._index.lexical(words, scope=Scope(), limit=1, vectors="without")
        await self._index.dense(vector, scope=Scope(), limit=1)

    def _fused(self, evidence: Evidence, *, alone: bool) -> FloatArray:
        if alone:
            return lexical_only(evidence)
        if self._policy.method == "rrf":
            return reciprocal_ranks(evidence, k=self._policy.rrf_k)
        return convex(evidence, alpha=self._policy.alpha)

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
        passages: Sequence[Passage],
        scores: FloatArray,
        *,
        collections: Mapping[str, Collection],
    ) -> Answer:
        """The best visible passages as hits."""
        kept: list[tuple[Passage, float]] = []
        documents: dict[str, Document] = {}
        dropped = 0
        for start in range(0, len(passages), request.limit + MARGIN):
            window = passages[start : start + request.limit + MARGIN]
            documents.update(await self._library.documents(tuple({passage.docid for passage in window})))
            for passage, score in zip(window, scores[start:], strict=False):
                if passage.docid not in documents or passage.collection not in collections:
                    dropped += 1
                elif request.min_score is None or score >= request.min_score:
                    kept.append((passage, float(score)))
            if len(kept) >= request.limit:
                break
        shown = kept[: request.limit]
        states = await self._library.freshness(tuple({p.docid: documents[p.docid] for p, _ in shown}.values()))
        hits = tuple(
            Hit(
                docid=shown_docid(passage.docid),
                passage_id=passage.passage_id,
                collection=passage.collection,
                path=passage.path,
                uri=uri_of(passage.collection, passage.path),
                title=passage.title,
                heading=passage.heading,
                start_line=passage.start_line,
                end_line=passage.end_line,
                score=round(score, 4),
                relevance=None,
                snippet=snippet(passage.text, parsed.lexical),
                context=collections[passage.collection].context_of(passage.path),
                freshness=states[passage.docid],
            )
            for passage, score in shown
        )
        below = 0 if request.min_score is None else int((scores < request.min_score).sum())
        return Answer(query=request.query, hits=hits, omitted=max(0, len(passages) - dropped - below - len(hits)))


class _Clock:
    """What each stage took."""

    def __init__(self, watch: Callable[[Stage], None] | None = None) -> None:
        self.stages: list[Stage] = []
        self._last = time.perf_counter()
        self._watch = watch

    def stage(self, name: str, *, provider: str | None = None, started: float | None = None) -> None:
        now = time.perf_counter()
        since = self._last if started is None else started
        self._ended(Stage(name, ran=True, ms=round((now - since) * 1e3, 1), provider=provider))
        self._last = now

    def skipped(self, name: str, *, reason: str) -> None:
        self._ended(Stage(name, ran=False, reason=reason))

    def _ended(self, stage: Stage) -> None:
        self.stages.append(stage)
        if self._watch is not None:
            self._watch(stage)


def _completed(answer: Answer, *, stages: Sequence[Stage], notes: Sequence[str]) -> Answer:
    return Answer(
        query=answer.query, hits=answer.hits, stages=tuple(stages), notes=tuple(notes), omitted=answer.omitted
    )


def _below(request: SearchRequest, ranking: Ranking) -> list[str]:
    """Why nothing is left of what was found."""
    if request.min_score is None:
        return []
    return [f"Every passage scores below min_score={request.min_score:g}; the best has {ranking.scores.max():.3g}."]


def _without_phrases(query: LexicalQuery) -> LexicalQuery:
    words = (*query.words, *(word for phrase in query.phrases for word in phrase.split()))
    return LexicalQuery(words=words, negatives=query.negatives)


def _allows(query: LexicalQuery, passage: Passage) -> bool:
    """Whether a passage that dense retrieval found has every phrase and no negative of the query."""
    if not query.phrases and not query.negatives:
        return True
    text = f" {_squeezed(passage.embedded_text)} "
    return all(_squeezed(phrase) in text for phrase in query.phrases) and not any(
        _mentions(text, negative) for negative in query.negatives
    )


def _mentions(text: str, negative: str) -> bool:
    word = _squeezed(negative)
    return f" {word} " in text if word.isascii() else word in text


def _squeezed(text: str) -> str:
    """Lower case, and one blank for whatever is no letter or digit."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def _quoted(phrases: Sequence[str]) -> str:
    return " and ".join(f'"{phrase}"' for phrase in phrases)
