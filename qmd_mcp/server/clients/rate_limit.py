"""How many requests a minute a client may make."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from qmd_mcp.server.clients.client import Client

MOST_CLIENTS = 1_000
"""How many buckets are kept: more than anybody gives tokens to. The one that was used longest ago is dropped."""


@dataclass(slots=True)
class _Bucket:
    per_minute: int
    left: float
    at: float


class RateLimit:
    """A bucket of tokens for each client: a request takes one, and a minute refills the bucket."""

    def __init__(self, *, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._buckets: dict[str, _Bucket] = {}

    def seconds_to_wait(self, client: Client) -> int:
        """Count one request; return 0 if it may be answered, and otherwise after how many seconds one will be."""
        if client.per_minute is None:
            return 0
        bucket, now = self._buckets.pop(client.name, None), self._now()
        if bucket is None or bucket.per_minute != client.per_minute:
            bucket = _Bucket(client.per_minute, float(client.per_minute), now)
        self._buckets[client.name] = bucket
        while len(self._buckets) > MOST_CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        rate = bucket.per_minute / 60
        bucket.left = min(bucket.left + (now - bucket.at) * rate, float(bucket.per_minute))
        bucket.at = now
        if bucket.left >= 1:
            bucket.left -= 1
            return 0
        return max(1, math.ceil((1 - bucket.left) / rate))
