"""What an update is doing and what it has done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

Phase: TypeAlias = Literal["scan", "index", "embed", "optimize"]


@dataclass(frozen=True, slots=True)
class Step:
    """How far one phase of an update has come."""

    phase: Phase
    done: int
    """Files while scanning and indexing, passages while embedding."""
    total: int | None
    """Null while it is not known yet."""
    passages: int = 0
    """Passages written so far."""


class Progress(Protocol):
    """Whoever wants to watch an update."""

    def __call__(self, step: Step) -> None:
        """Called from the update's own thread, often: return at once."""


@dataclass(frozen=True, slots=True)
class UpdateSummary:
    """What an update has done."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    """Files left out, by reason."""
    examples: dict[str, str] = field(default_factory=dict)
    """For each reason one file that was left out."""
    passages: int = 0
    """Passages written."""
    embedded: int = 0
    """Vectors computed; the other passages kept theirs or have none yet."""
    seconds: float = 0.0
    problems: tuple[str, ...] = ()
    """Collections that could not be read, a sentence each; what the index had of them stays."""


def total(summaries: Iterable[UpdateSummary]) -> UpdateSummary:
    """Several collections' summaries as one."""
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
        passages=sum(summary.passages for summary in each),
        embedded=sum(summary.embedded for summary in each),
        seconds=sum(summary.seconds for summary in each),
        problems=tuple(problem for summary in each for problem in summary.problems),
    )
