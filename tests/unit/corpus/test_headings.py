"""Headings, and the formats in which they are looked for."""

from __future__ import annotations

import pytest

from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.headings import Heading
from qmd_mcp.corpus.readers.source_text import SourceText


def source(content: str, path: str = "page.md") -> SourceText:
    made = read(content.encode(), path)
    assert isinstance(made, SourceText), made
    return made


def headings(content: str, path: str = "page.md") -> list[tuple[int, str]]:
    return [(heading.level, heading.text) for heading in source(content, path).headings()]


def test_headings_of_markdown_are_found_with_their_place() -> None:
    text = "# One #\ntext\n\nTwo\n---\n\n### Three\n"
    assert list(source(text).headings()) == [
        Heading(0, 7, 1, "One"),
        Heading(14, 21, 2, "Two"),
        Heading(23, 32, 3, "Three"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "```python\n# comment\n```",
        "~~~~\n```\n# comment\n~~~\n# comment\n~~~~",
        "- item\n\n  ```sh\n  # comment\n  ```",
        "> ```\n# comment\n> ```",
        "```\n# comment in a fence that is never closed\n",
        "    # indented code",
        "#hashtag",
        "####### seven",
        "a paragraph\nof two lines\n---\n",
        "- item\n---\n",
        "| a |\n---\n",
        "\n---\n",
    ],
)
def test_what_only_looks_like_a_heading_is_none(text: str) -> None:
    assert headings(text) == []


def test_behind_closed_code_headings_count_again() -> None:
    assert headings("```\n# no\n```\n# Yes\n`` ```inline``` ``\n# Too\n") == [(1, "Yes"), (1, "Too")]


def test_headings_of_restructuredtext_have_the_order_of_their_adornments() -> None:
    parts = "Part\n====\n\ntext\n\nSub part\n--------\n\nOther\n=====\n\n==== ====\nno   table\n==== ====\n"
    text = f"=====\nTitle\n=====\n\n{parts}"
    assert headings(text, "a.rst") == [(1, "Title"), (2, "Part"), (3, "Sub part"), (2, "Other")]
    assert source(text, "a.rst").title == "Title"


def test_code_and_plain_text_have_no_headings() -> None:
    assert headings("# comment\n", "a.py") == headings("# no\n", "a.txt") == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [("a.MD", "markdown"), ("a.rst", "restructuredtext"), ("a.htm", "html"), ("a.txt", "text"), ("README", "text")],
)
def test_the_name_tells_the_format(path: str, kind: str) -> None:
    assert source("text", path).kind == kind
    assert source("text", "src/a.py").kind == source("text", "a.yaml").kind == "code"
