"""What a person sees in the terminal: the progress of long work, and what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from qmd_mcp.corpus.indexing.update_summary import Progress as Watcher
from qmd_mcp.corpus.indexing.update_summary import Step, UpdateSummary
from qmd_mcp.evaluation.report import Report
from qmd_mcp.evaluation.runner import Answered
from qmd_mcp.evaluation.self_evaluation import SelfReport
from qmd_mcp.visible_text import one_line

_LINE_SECONDS = 10.0
"""Time between two plain lines, which go to a log rather than a terminal."""

_MEGABYTE = 1_000_000

_WORDS = {"scan": "looking at files", "index": "indexing", "embed": "embedding", "optimize": "tidying the index"}


@contextmanager
def watched(console: Console | None = None) -> Generator[Watcher]:
    """Show an update on stderr: on a terminal as a bar with rate and remaining time, elsewhere as plain lines."""
    screen = console or Console(stderr=True)
    if not screen.is_terminal:
        yield _PlainLines()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("starting", total=None, rate="")
        started = time.monotonic()

        def show(step: Step) -> None:
            seconds = time.monotonic() - started
            rate = f"{step.passages / seconds:.0f} passages/s" if step.passages and seconds else ""
            bar.update(task, description=_WORDS[step.phase], completed=step.done, total=step.total, rate=rate)

        yield show


@contextmanager
def watched_ways() -> Generator[Answered]:
    """Count on stderr the ways to search that have been measured."""
    console = Console(stderr=True)
    with console.status("making queries from your passages") as status:
        yield lambda done, total: status.update(f"measured {done} of {total} ways to search")


class _PlainLines:
    """Writes one line when a phase begins and then one every few seconds."""

    def __init__(self) -> None:
        self._phase = ""
        self._said = 0.0

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        if step.phase == self._phase and now - self._said < _LINE_SECONDS:
            return
        self._phase, self._said = step.phase, now
        of = f" {step.done} of {step.total}" if step.total else ""
        print(f"{_WORDS[step.phase]}{of}", file=sys.stderr, flush=True)  # noqa: T201  the terminal is this module's


class PullWatcher(Protocol):
    """Is told how many bytes of a file have been downloaded."""

    def __call__(self, file: str, *, done: int, total: int) -> None:
        """Take note; this is called often."""


@contextmanager
def watched_pull(console: Console | None = None) -> Generator[PullWatcher]:
    """Show a download on stderr: on a terminal as a bar for each file, elsewhere as plain lines."""
    screen = console or Console(stderr=True)
    if not screen.is_terminal:
        yield _plain_pull()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(file: str, *, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(escape(one_line(file)), total=total)
            bar.update(tasks[file], completed=done)

        yield show


def _plain_pull() -> PullWatcher:
    said = time.monotonic()

    def show(file: str, *, done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if done < total and now - said >= _LINE_SECONDS:
            said = now
            line = f"{one_line(file)} {done / _MEGABYTE:,.1f} of {total / _MEGABYTE:,.1f} MB"
            print(line, file=sys.stderr, flush=True)  # noqa: T201  the terminal is this module's

    return show


def summary_lines(summary: UpdateSummary) -> list[str]:
    """Word an update: one line of counts, and a line for each reason why files were skipped."""
    counts = (
        f"{summary.added} added, {summary.updated} updated, {summary.unchanged} unchanged, {summary.removed} removed"
    )
    work = f"{summary.passages} passages written, {summary.embedded} embedded, {summary.seconds:.1f} s"
    skipped = [
        f"  skipped {count}: {reason} (such as {summary.examples[reason]})"
        for reason, count in sorted(summary.skipped.items())
    ]
    told = []
    if summary.redacted:
        told.append(f"  documents in which secrets were replaced: {summary.redacted} (see the setting `secrets`)")
    if summary.hard_links:
        told.append(f"  {summary.hard_links} files have several names (hard links), perhaps outside of the folder, too")
    return [f"{counts}; {work}", *skipped, *told]


def report_text(report: Report) -> str:
    """Word one evaluation, a line for each figure."""
    quality = report.quality
    low, high = quality.ndcg_at_10_interval
    return "\n".join(
        (
            f"{report.dataset}, {report.mode}: {report.documents:,} documents, {quality.queries:,} queries",
            f"nDCG@10    {quality.ndcg_at_10:.4f}  (95 % of resamples: {low:.4f} to {high:.4f})",
            f"Recall@10  {quality.recall_at_10:.4f}",
            f"Recall@100 {quality.recall_at_100:.4f}",
            f"MRR@10     {quality.mrr_at_10:.4f}",
            f"latency    p50 {report.p50_ms:.1f} ms, p95 {report.p95_ms:.1f} ms (100 passages asked for)",
        )
    )


def self_report_text(report: SelfReport) -> str:
    """Word a self-evaluation: a line for each way to search, a column for each kind of query, then the advice."""
    kinds = list(report.queries)
    width = max(len(way.name) for way in report.measured)
    head = "  ".join(f"{kind} ({count})" for kind, count in report.queries.items())
    rows = [
        f"{way.name:<{width}}  "
        + "  ".join(f"{way.by_kind[kind]:>{len(f'{kind} ({report.queries[kind]})')}.3f}" for kind in kinds)
        + f"  {way.mean:>5.3f}  {way.p50_ms:>6.1f} ms"
        for way in report.measured
    ]
    return "\n".join(
        (
            "Mean reciprocal rank of the right document, by kind of query (how many), in the mean, and p50:",
            f"{'':<{width}}  {head}  mean      p50",
            *rows,
            report.recommendation,
            report.caution,
        )
    )
