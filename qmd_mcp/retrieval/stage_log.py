"""What each stage of one answer did, and how much time is left for the others."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from qmd_mcp.domain.answers import Stage


class StageLog:
    """Records the stages of one answer as they end, and keeps its clock.

    The clock starts when the log is made and runs on when the answer has to be made again, so that `timeout_ms` holds
    for the request and not for each attempt.
    """

    def __init__(self, *, watch: Callable[[Stage], None] | None = None, timeout_ms: int | None = None) -> None:
        self.stages: list[Stage] = []
        self._watch = watch
        self._timeout_ms = timeout_ms
        self._started = time.perf_counter()

    def begin_again(self) -> None:
        """Drop the stages of an attempt whose answer is not given."""
        self.stages = []

    def seconds_left(self, *, share: float = 1.0) -> float:
        """The seconds until a share of the timeout has passed: infinite without a timeout, never negative."""
        if self._timeout_ms is None:
            return math.inf
        return max(0.0, self._started + share * self._timeout_ms / 1e3 - time.perf_counter())

    def ran(
        self,
        name: str,
        *,
        since: float,
        provider: str | None = None,
        batches: tuple[int, ...] = (),
        reason: str | None = None,
    ) -> None:
        """Record a stage that started at `since` (a reading of `time.perf_counter`) and has just ended."""
        ms = round((time.perf_counter() - since) * 1e3, 1)
        self._ended(Stage(name, ran=True, reason=reason, ms=ms, provider=provider, batches=batches))

    def skipped(self, name: str, *, reason: str) -> None:
        """Record a stage that was left out."""
        self._ended(Stage(name, ran=False, reason=reason))

    def shed(self, name: str) -> None:
        """Record a stage that was left out, or not finished, because the time was over."""
        self.skipped(name, reason=f"no time for it within timeout_ms={self._timeout_ms}")

    def _ended(self, stage: Stage) -> None:
        self.stages.append(stage)
        if self._watch is not None:
            self._watch(stage)
