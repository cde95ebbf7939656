"""Comparing the ways to search on the user's own corpus, and recommending settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from qmd_mcp.application.engine_protocols import Engine, OpenEngine
from qmd_mcp.domain.documents import Mode
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.domain.searches import search_of
from qmd_mcp.errors import CallerError, DatasetError
from qmd_mcp.evaluation.known_items import KINDS, Kind, KnownItem, known_items
from qmd_mcp.evaluation.recommendation import Measured, recommendation
from qmd_mcp.evaluation.runner import Answered
from qmd_mcp.settings import IndexLocation, Settings

OF_EACH_KIND = 50
"""Queries of each kind: 200 in all take some ten seconds, and distinguish means that differ by about .05."""

REAL_OVERLAP = (0.41, 0.77)
"""Share of a real query's words that occur in a document that answers it: the lowest and the highest mean of ten sets
with judgements, cranfield and squad-fold0 (benchmarks/results/calibration.md)."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to search."""

    name: str
    mode: Mode
    settings: Mapping[str, object] = field(default_factory=dict)
    """The settings in which this variant differs from those that are in force."""
    without: str | None = None
    """The stage that this variant leaves out; the variant is skipped if the stage never ran."""


AS_SET = Variant("query as it is set", "query")
"""The settings in force, with which the other variants are compared."""

ALTERNATIVES = (
    Variant("search (exact words)", "search"),
    Variant("vsearch (meaning)", "vsearch"),
    *(Variant(f"query, fusion={way}", "query", settings={"fusion": way}) for way in ("adaptive", "convex", "rrf")),
    Variant(
        "query, late_interaction=false",
        "query",
        settings={"late_interaction": False},
        without="late interaction",
    ),
    Variant("query, reranker=off", "query", settings={"reranker": "off"}, without="rerank"),
    Variant("query, expander=off", "query", settings={"expander": "off"}, without="expand"),
)


@dataclass(frozen=True, slots=True)
class SelfReport:
    """The figures of every variant, and the recommendation that follows from them."""

    queries: Mapping[Kind, int]
    overlap: float
    """Mean share of the queries' words that occur in their passage."""
    measured: tuple[Measured, ...]
    recommendation: str
    caution: str


async def evaluate_self(
    settings: Settings,
    location: IndexLocation,
    *,
    open_engine: OpenEngine,
    of_each: int = OF_EACH_KIND,
    answered: Answered | None = None,
) -> SelfReport:
    """Make known-item queries from the index's own passages and ask every variant all of them.

    Raises:
        DatasetError: the index holds too little to make queries from.
    """
    async with open_engine(settings, location) as engine:
        items = known_items(await engine.passages(), of_each=of_each)
    if not items:
        raise DatasetError(location.uri, reason="no query can be made of what is indexed; index some documents first")
    ranks: dict[str, list[float]] = {}
    measured: list[Measured] = []
    ran: set[str] = set()
    variants = [AS_SET, *(each for each in ALTERNATIVES if _differs(each, settings))]
    for number, variant in enumerate(variants, 1):
        if variant.without is None or variant.without in ran:
            async with open_engine(settings.model_copy(update=dict(variant.settings)), location) as engine:
                values, p50 = await _ask(engine, items, variant, ran=ran)
            ranks[variant.name] = values
            measured.append(_measured(variant, items, values, p50_ms=p50))
        if answered is not None:
            answered(number, len(variants))
    counts = {kind: sum(item.kind == kind for item in items) for kind in KINDS}
    overlap = float(np.mean([item.overlap for item in items]))
    return SelfReport(
        queries={kind: count for kind, count in counts.items() if count},
        overlap=overlap,
        measured=tuple(measured),
        recommendation=recommendation(measured, ranks),
        caution=(
            f"These queries are made of the passages they should find: {overlap:.0%} of their words stand there. "
            f"Of people's questions it is {REAL_OVERLAP[0]:.0%} to {REAL_OVERLAP[1]:.0%}, so exact words look better "
            "here than they are, and meaning worse. Differences between ways of fusing say more than the figures."
        ),
    )


async def _ask(
    engine: Engine, items: Sequence[KnownItem], variant: Variant, *, ran: set[str]
) -> tuple[list[float], float]:
    """The reciprocal rank of every item, and the median latency in milliseconds; stages that ran are added to `ran`."""
    ask = search_of(engine.searching, variant.mode)
    await ask(QueryRequest(items[0].query))  # loads what the first call loads
    values: list[float] = []
    seconds: list[float] = []
    for item in items:
        start = perf_counter()
        try:
            answer = await ask(QueryRequest(item.query))
        except CallerError:  # such as a heading that consists of operators
            values.append(0.0)
            continue
        seconds.append(perf_counter() - start)
        ran.update(stage.name for stage in answer.stages if stage.ran)
        documents = list(dict.fromkeys((hit.collection, hit.path) for hit in answer.hits))
        place = (item.collection, item.path)
        values.append(1.0 / (1 + documents.index(place)) if place in documents else 0.0)
    return values, float(np.median(seconds) * 1e3) if seconds else 0.0


def _differs(variant: Variant, settings: Settings) -> bool:
    """Whether a variant differs from the settings in force."""
    return variant.mode != "query" or any(getattr(settings, name) != value for name, value in variant.settings.items())


def _measured(variant: Variant, items: Sequence[KnownItem], values: Sequence[float], *, p50_ms: float) -> Measured:
    """The mean reciprocal rank for each kind of query, and over the kinds."""
    by_kind: dict[Kind, float] = {}
    for kind in KINDS:
        mine = [value for item, value in zip(items, values, strict=True) if item.kind == kind]
        if mine:
            by_kind[kind] = float(np.mean(mine))
    return Measured(variant.name, by_kind=by_kind, mean=float(np.mean(list(by_kind.values()))), p50_ms=p50_ms)
