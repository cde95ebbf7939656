"""Repeating a call that failed for a reason that may pass."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


class Transient(Exception):
    """The same call may succeed later."""


class Permanent(Exception):
    """The same call will fail again."""


class LeaseLost(Permanent):
    """Another worker may own the job now (``ERR_LEASE_LOST``)."""


@dataclass(frozen=True)
class Backoff:
    """Full jitter: each wait is drawn evenly from zero to a growing ceiling."""

    base: float = 2.0
    cap: float = 900.0
    max_retries: int = 12

    def ceilings(self) -> Iterator[float]:
        """Yield the longest wait before each repetition, in seconds."""
        for repetition in range(self.max_retries):
            yield min(self.cap, self.base * 2**repetition)


def call_with_retry(
    call: Callable[[], T],
    backoff: Backoff,
    *,
    sleep: Callable[[float], None] = time.sleep,
    uniform: Callable[[float, float], float] = random.uniform,
) -> T:
    """Call until it succeeds, fails for good, or the repetitions are used up.

    The clock and the dice are arguments, so that tests neither wait nor guess.
    """
    for ceiling in backoff.ceilings():
        try:
            return call()
        except Transient:
            sleep(uniform(0, ceiling))
    return call()  # the last attempt: its exception is the caller's


def retry_budget(successes: int, *, share: float = 0.1, floor: int = 10) -> int:
    """Return how many repetitions a tenant may spend in the current minute.

    A share of what succeeded in the last minute, so that a webhook that is down cannot
    occupy every worker; the floor lets a quiet tenant try at all.
    """
    return max(floor, int(successes * share))
