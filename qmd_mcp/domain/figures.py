"""What the parts of an engine count, for whoever watches the process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """The work that one model has done and that waits for it."""

    role: str
    waiting: int
    """Callers or items that are not part of a forward pass yet."""
    forwards: int
    """Forward passes since the process began."""
    items: int
    """Items in all these forward passes."""


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """How often a cache had what was asked of it."""

    cache: str
    hits: int
    misses: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of an engine at one moment; every number but `waiting` only grows."""

    queues: tuple[QueueFigures, ...] = ()
    caches: tuple[CacheFigures, ...] = ()
