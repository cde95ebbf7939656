"""The state of an index and of the models that serve it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class CollectionStatus:
    """What the index holds of one collection."""

    name: str
    root: str
    globs: tuple[str, ...]
    documents: int
    passages: int
    contexts: int
    skipped: dict[str, int] = field(default_factory=dict)
    """How many files the last update of the collection left out, by reason."""
    redacted: int = 0
    """Documents in whose text secrets are replaced."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The state of one model in this process."""

    role: str
    model: str
    state: Literal["absent", "unloaded", "loading", "ready", "idle"]
    """Absent if its files are missing; idle while it is loaded, nobody uses it and the time until it is unloaded runs;
    unloaded before its first use and after that time."""
    provider: str | None
    """The execution provider on which it runs; None unless it is loaded."""
    detail: str | None = None
    """Format, placement and notes, for people; None unless it has been loaded."""


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """An index and the models that serve it, at one moment."""

    index: str
    schema_version: int
    generation: str
    embedder: str
    dimension: int
    documents: int
    passages: int
    embedded: int
    """Passages that have a vector."""
    size_bytes: int | None
    """Bytes on disk; None if the index is not on a local disk."""
    updated: str | None
    """When files were last compared with the index, ISO 8601 in UTC, exact to the hour if nothing had changed; None if
    there was no update yet."""
    collections: tuple[CollectionStatus, ...]
    models: tuple[ModelStatus, ...]
    notes: tuple[str, ...] = ()
