"""Documents with tags and dates, of which known shares have each: the text of real pages in a new order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from benchmarks.parts.queries import FENCE, FRONT_MATTER, SUFFIXES

SECTIONS = 4
"""Sections of a document; each has about as much text as fits into one passage."""

PARAGRAPHS_PER_SECTION = 3
LENGTHS = range(80, 501)
"""Numbers of characters that a paragraph may have."""

SHARES = {"rare": 0.001, "few": 0.01, "tenth": 0.1, "half": 0.5}
"""The share of the documents that have a tag, by the tag."""

TOPICS = 300
"""Further tags, below `topic`, of which every document has two."""

DAYS = 1_000
"""Days over which the dates of the documents are spread evenly."""

NEWEST = date(2026, 1, 1)
DOCUMENTS_PER_FOLDER = 1_000


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of a query and the share of the documents that it lets through."""

    name: str
    share: float
    operators: str
    """As it is written in front of a query; empty for the search without a filter."""


def filters() -> tuple[Filter, ...]:
    """No filter, then one by tag and one by date for each share, and both together."""
    tags = tuple(Filter("tag", share, f"tag:{tag}") for tag, share in SHARES.items())
    dates = tuple(Filter("date", share, f"after:{_days_before(share * DAYS)}") for share in SHARES.values())
    both = Filter("tag and date", 0.25, f"tag:half after:{_days_before(DAYS / 2)}")
    return (Filter("none", 1.0, ""), *tags, *dates, both)


def paragraphs_of(folder: Path) -> list[str]:
    """The paragraphs of every page of a folder, in the order of their paths."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    return [each for file in files for each in _paragraphs(file.read_text(encoding="utf-8", errors="replace"))]


def write_documents(folder: Path, paragraphs: Sequence[str], *, count: int) -> None:
    """Write documents of paragraphs that are drawn at random; the same paragraphs give the same documents."""
    random = Random(1)  # noqa: S311  a fixed order of paragraphs, no secret
    for number in range(count):
        file = folder / f"{number // DOCUMENTS_PER_FOLDER:03}" / f"{number:06}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_document(random, paragraphs), encoding="utf-8")


def _document(random: Random, paragraphs: Sequence[str]) -> str:
    tags = [tag for tag, share in SHARES.items() if random.random() < share]
    tags += [f"topic/{random.randrange(TOPICS)}" for _ in range(2)]
    day = _days_before(random.randrange(DAYS))
    front_matter = f"---\ntitle: {_heading(random, paragraphs)}\ntags: [{', '.join(tags)}]\ndate: {day}\n---\n"
    sections = (
        f"\n## {_heading(random, paragraphs)}\n\n" + "\n\n".join(random.choices(paragraphs, k=PARAGRAPHS_PER_SECTION))
        for _ in range(SECTIONS)
    )
    return front_matter + "\n".join(sections) + "\n"


def _heading(random: Random, paragraphs: Sequence[str]) -> str:
    return " ".join(re.findall(r"[^\W\d_]+", random.choice(paragraphs))[:4]) or "Untitled"


def _days_before(days: float) -> str:
    return (NEWEST - timedelta(days=round(days))).isoformat()


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", FENCE.sub("\n", FRONT_MATTER.sub("", text))):
        plain = paragraph.strip()
        if len(plain) in LENGTHS and not plain.startswith(("#", "---")):
            yield plain
