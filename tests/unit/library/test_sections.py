"""Which lines of a document stand below a heading."""

import pytest

from qmd_mcp.corpus.library.section import section_of
from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.source_text import SourceText

PLAN = """---
title: Plan
---
# Storm plan

Intro. ^intro

## Evac

East stairs.

### What's needed?

Boots, two
pairs. ^boots-2

## Radio ✅

Channel nine.

## Evac

Again.

# ✅

Done.
"""


def lines_below(name: str, text: str = PLAN, path: str = "plan.md") -> str | None:
    source = read(text.encode(), path)
    assert isinstance(source, SourceText)
    lines = section_of(source, name)
    return None if lines is None else "\n".join(source.text.split("\n")[lines.start - 1 : lines.stop - 1])


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Evac", "## Evac", "pairs. ^boots-2"),
        ("evac", "## Evac", "pairs. ^boots-2"),
        ("what-s-needed", "### What's needed?", "pairs. ^boots-2"),
        ("whats-needed", "### What's needed?", "pairs. ^boots-2"),
        ("Evac#What's needed?", "### What's needed?", "pairs. ^boots-2"),
        ("Storm plan#Radio ✅", "## Radio ✅", "Channel nine."),
        ("radio-", "## Radio ✅", "Channel nine."),
        ("Storm plan", "# Storm plan", "Again."),
        ("✅", "# ✅", "Done."),
        ("^boots-2", "Boots, two", "pairs. ^boots-2"),
        ("^intro", "Intro. ^intro", "Intro. ^intro"),
    ],
)
def test_a_section_goes_from_its_heading_to_the_next_that_is_not_below_it(name: str, first: str, last: str) -> None:
    found = lines_below(name)
    assert found is not None
    assert (found.split("\n")[0], found.split("\n")[-1]) == (first, last)


@pytest.mark.parametrize("name", ["Eva", "Radio#Evac", "Evac#Radio", "^boots", "^", "#", "-"])
def test_what_is_no_heading_has_no_section(name: str) -> None:
    assert lines_below(name) is None


def test_sections_of_other_formats_are_found() -> None:
    rst = "Guide\n=====\n\nHello.\n\nSetup\n-----\n\nInstall it.\n\nUse\n---\n\nRun it.\n"
    assert lines_below("setup", rst, "a.rst") == "Setup\n-----\n\nInstall it."
    page = "<h1>Guide</h1><p>Hello.</p><h2>Set up</h2><p>Install it.</p><h2>Use</h2><p>Run it.</p>"
    assert lines_below("set-up", page, "a.html") == "## Set up\n\nInstall it."
