"""What the parts of an engine count, for whoever watches a process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """Work for one model."""

    role: str
    waiting: int
    """Callers or items that no forward has taken yet."""
    forwards: int
    """Since the beginning."""
    items: int
    """In these forwards."""


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """What did not have to be done again."""

    cache: str
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class Figures:
    """An engine as it stands; every number but those that wait only grows."""

    queues: tuple[QueueFigures, ...] = ()
    caches: tuple[CacheFigures, ...] = ()
