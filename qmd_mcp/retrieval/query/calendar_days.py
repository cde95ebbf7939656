"""Years, months and days as callers write them, and dates as answers show them; all in UTC."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from qmd_mcp.errors import ArgumentError

_WRITTEN = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SECOND = 10**9
"""Nanoseconds."""

_LATEST = 2**63 - 1
"""The largest number of nanoseconds that a column of the index holds: 11 April 2262. Its negative is in 1677."""


def beginning_of(written: str, *, name: str) -> int:
    """When a year, month or day begins, in nanoseconds since the epoch; `name` is the argument that gave it.

    Raises:
        ArgumentError: it is none of them; the sentence says how one is written.
    """
    match = _WRITTEN.fullmatch(written.strip())
    day: datetime | None = None
    with suppress(ValueError):  # there is no 31 February
        day = datetime(int(match[1]), int(match[2] or 1), int(match[3] or 1), tzinfo=UTC) if match else None
    if day is None:
        shown = written if len(written) <= 40 else f"{written[:40]}…"  # noqa: PLR2004  enough to recognise the value
        sentence = f"{name} takes a year, a month or a day (2026, 2026-03 or 2026-03-01), not {shown!r}."
        raise ArgumentError(sentence)
    nanoseconds = (day - _EPOCH) // timedelta(seconds=1) * _SECOND
    return max(-_LATEST, min(nanoseconds, _LATEST))


def date_of(nanoseconds: int) -> str:
    """The date of a moment as `2026-03-01`."""
    return (_EPOCH + timedelta(seconds=nanoseconds // _SECOND)).date().isoformat()
