"""What each stage of one answer did, and how much time is left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from qmd_mcp.domain.answers import Stage


class StageLog:
    """Notes stages as they end; one for each answer."""

    def __init__(self, *, watch: Callable[[Stage], None] | None = None, timeout_ms: int | None = None) -> None:
        self.stages: list[Stage] = []
        self._watch = watch
        self._timeout_ms = timeout_ms
        self._opened = time.perf_counter()

    def seconds_until(self, share: float) -> float:
        """What is left until a share of the timeout has passed; infinite without one, never negative."""
        if self._timeout_ms is None:
            return math.inf
        return max(0.0, self._opened + share * self._timeout_ms / 1e3 - time.perf_counter())

    def ran(
        self,
        name: str,
        *,
        since: float,
        provider: str | None = None,
        batches: tuple[int, ...] = (),
        reason: str | None = None,
    ) -> None:
        """A stage that began at `since` (of `time.perf_counter`) has ended."""
        ms = round((time.perf_counter() - since) * 1e3, 1)
        self._ended(Stage(name, ran=True, reason=reason, ms=ms, provider=provider, batches=batches))

    def skipped(self, name: str, *, reason: str) -> None:
        """A stage was left out."""
        self._ended(Stage(name, ran=False, reason=reason))

    def shed(self, name: str) -> None:
        """A stage was left out, or left unfinished, for want of time."""
        self.skipped(name, reason=f"no time for it within timeout_ms={self._timeout_ms}")

    def _ended(self, stage: Stage) -> None:
        self.stages.append(stage)
        if self._watch is not None:
            self._watch(stage)
