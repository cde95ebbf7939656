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
    """Files that the last update left out, by reason."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One model as it stands in this process."""

    role: str
    model: str
    state: Literal["absent", "unloaded", "loading", "ready", "idle"]
    """Unloaded until it is first needed; idle when nobody uses it and it will be let go."""
    provider: str | None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """The index and the models that serve it."""

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
    """On disk; null where the index is not on a local disk."""
    updated: str | None
    """ISO 8601, UTC; when the last update ended."""
    collections: tuple[CollectionStatus, ...]
    models: tuple[ModelStatus, ...]
    notes: tuple[str, ...] = ()
