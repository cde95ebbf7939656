"""Reading dates as people write them into documents."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DATE = re.compile(
    r"(?P<year>\d{4})(?:(?P<sign>[-/.])(?P<month>\d{1,2})(?:(?P=sign)(?P<day>\d{1,2}))?|(?P<digits>\d{4}))"
    r"(?:(?:T|\s+)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,6})\d*)?)?"
    r"\s*(?:Z|UTC|GMT|(?P<sense>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?)?)?",
    re.ASCII | re.IGNORECASE,
)
"""ISO 8601 and its usual variants: `2026-03-01`, `2026/3/1`, `20260301`, `2026-03`, `2026-03-01 10:00:00 +0100`."""

_MOST_NS = 2**63 - 1
"""Nanoseconds that a column of 64 bits can hold: a date after the year 2262 or before 1677 is no date here."""


def date_ns(text: str) -> int | None:
    """Return the nanoseconds since the epoch of a date, with or without a time; None if the text is no date.

    A date without a zone counts as UTC, a date without a time as its first moment, and a month as its first day.
    """
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    month, day = match["month"] or match["digits"][:2], match["day"] or (match["digits"] or "0101")[2:]
    try:
        moment = datetime(
            int(match["year"]),
            int(month),
            int(day),
            int(match["hour"] or 0),
            int(match["minute"] or 0),
            int(match["second"] or 0),
            int((match["fraction"] or "").ljust(6, "0")),
            tzinfo=_zone(match),
        )
        since = moment - _EPOCH
    except (ValueError, OverflowError):  # the 30th of February, or a zone beyond the first or last year
        return None
    nanoseconds = since // timedelta(microseconds=1) * 1_000
    return nanoseconds if abs(nanoseconds) <= _MOST_NS else None


def _zone(match: re.Match[str]) -> timezone:
    offset = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    return timezone(-offset if match["sense"] == "-" else offset)
