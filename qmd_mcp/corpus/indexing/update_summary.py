"""The progress of an update, and its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

Phase: TypeAlias = Literal["scan", "index", "embed", "optimize"]


@dataclass(frozen=True, slots=True)
class Step:
    """How far one phase of an update has advanced."""

    phase: Phase
    done: int
    """Files while scanning and indexing, passages while embedding."""
    total: int | None
    """What `done` will be at the end; None while that is not known yet."""
    passages: int = 0
    """Passages that were written so far."""


class Progress(Protocol):
    """A function that is told how an update advances."""

    def __call__(self, step: Step) -> None:
        """Take note of a step; called often and in the thread of the update, so it has to return at once."""


@dataclass(frozen=True, slots=True)
class UpdateSummary:
    """What an update did."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    """Numbers of files that were left out, by reason."""
    examples: dict[str, str] = field(default_factory=dict)
    """For each of these reasons, one file that was left out."""
    redacted: int = 0
    """Documents in whose text secrets are replaced, also those that did not change."""
    hard_links: int = 0
    """Files that have several names, of which others may lie outside of the collection."""
    passages: int = 0
    """Passages that were written."""
    embedded: int = 0
    """Vectors that were computed; the other passages kept a stored vector or have none yet."""
    seconds: float = 0.0
    problems: tuple[str, ...] = ()
    """A sentence for each collection that could not be read; what the index holds of it stays."""


def total(summaries: Iterable[UpdateSummary]) -> UpdateSummary:
    """Add up the summaries of several collections."""
    each = tuple(summaries)
    skipped: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for summary in each:
        skipped.update(summary.skipped)
        examples = {**summary.examples, **examples}
    return UpdateSummary(
        added=sum(summary.added for summary in each),
        updated=sum(summary.updated for summary in each),
        unchanged=sum(summary.unchanged for summary in each),
        removed=sum(summary.removed for summary in each),
        skipped=dict(skipped),
        examples=examples,
        redacted=sum(summary.redacted for summary in each),
        hard_links=sum(summary.hard_links for summary in each),
        passages=sum(summary.passages for summary in each),
        embedded=sum(summary.embedded for summary in each),
        seconds=sum(summary.seconds for summary in each),
        problems=tuple(problem for summary in each for problem in summary.problems),
    )
