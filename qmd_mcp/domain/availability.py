"""The value that stands for a model or a stage that is missing, with the reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Absent:
    """Stands in place of a model or a stage that this process does not have."""

    reason: str
    """Why it is absent, as people read it beside a skipped stage of an answer."""
