"""Metrics of the server, for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from qmd_mcp.application.tool_calls import Value
from qmd_mcp.domain.answers import Answer
from qmd_mcp.domain.figures import Figures
from qmd_mcp.errors import CallerError, SetupError

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The bounds of the histograms: from a lexical search in a small index to a reranker on a busy CPU."""


class Metrics:
    """Counts and times what one server does."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._calls = Histogram(
            "qmd_call_seconds", "Calls of tools, over MCP and REST", ["tool"], buckets=SECONDS, registry=self._registry
        )
        self._stages = Histogram(
            "qmd_stage_seconds", "Stages of searches", ["stage"], buckets=SECONDS, registry=self._registry
        )
        self._errors = Counter(
            "qmd_errors",
            "Failed calls, by who must act: caller, operator or developer",
            ["tool", "by"],
            registry=self._registry,
        )
        self._registry.register(_Memory())

    def follow(self, figures: Callable[[], Figures]) -> None:
        """Add the figures of an engine, read anew for each page."""
        self._registry.register(_Engine(figures))

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Add a number, read anew for each page."""
        Gauge(name, meaning, registry=self._registry).set_function(value)

    def finished(self, tool: str, *, seconds: float, outcome: Value | Exception) -> None:
        """Count a call, and the stages of a search."""
        if isinstance(outcome, Exception):
            self._errors.labels(tool, _by_whom(outcome)).inc()
            return
        self._calls.labels(tool).observe(seconds)
        for stage in outcome.stages if isinstance(outcome, Answer) else ():
            if stage.ms is not None:
                self._stages.labels(stage.name).observe(stage.ms / 1e3)

    def page(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class _Engine(Collector):
    """Queues, forward passes and caches of an engine. A new engine begins at zero, as a restarted process does."""

    def __init__(self, figures: Callable[[], Figures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """Ask the engine for its figures now."""
        figures = self._figures()
        waiting = GaugeMetricFamily("qmd_model_waiting", "Work that no forward pass has taken yet", labels=["role"])
        forwards = CounterMetricFamily("qmd_model_forwards", "Forward passes of a model", labels=["role"])
        items = CounterMetricFamily("qmd_model_items", "Texts or pairs in these forward passes", labels=["role"])
        size = GaugeMetricFamily(
            "qmd_model_batch_size", "Texts or pairs in a forward pass, in the mean", labels=["role"]
        )
        for queue in figures.queues:
            waiting.add_metric([queue.role], queue.waiting)
            forwards.add_metric([queue.role], queue.forwards)
            items.add_metric([queue.role], queue.items)
            size.add_metric([queue.role], queue.items / max(queue.forwards, 1))
        hits = CounterMetricFamily("qmd_cache_hits", "Look-ups that a cache answered", labels=["cache"])
        misses = CounterMetricFamily("qmd_cache_misses", "Look-ups that a cache did not answer", labels=["cache"])
        for cache in figures.caches:
            hits.add_metric([cache.cache], cache.hits)
            misses.add_metric([cache.cache], cache.misses)
        yield from (waiting, forwards, items, size, hits, misses)


class _Memory(Collector):
    """The memory of the process, on systems that report it in /proc."""

    def collect(self) -> Iterator[Metric]:
        """Read it from /proc now."""
        try:
            with open("/proc/self/statm", encoding="ascii") as counts:  # noqa: PTH123  no path to work with
                resident = int(counts.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError):
            return
        yield GaugeMetricFamily("qmd_resident_bytes", "Memory of the process", value=resident)


def _by_whom(error: Exception) -> str:
    if isinstance(error, CallerError):
        return "caller"
    return "operator" if isinstance(error, SetupError) else "bug"
