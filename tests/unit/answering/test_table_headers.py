"""The header above a row."""

import pytest

from qmd_mcp.retrieval.showing.table_headers import header_above

MARKDOWN = "Before.\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n| 3 | 4 |\n\nAfter."
BARE = "a | b\n--- | ---\n1 | 2\n3 | 4\n"
ORG = "| a | b |\n|---+---|\n| 1 | 2 |\n|---+---|\n| 3 | 4 |\n"
GRID = "+---+---+\n| a | b |\n+===+===+\n| 1 | 2 |\n+---+---+\n| 3 | 4 |\n+---+---+\n"
PRINTED = " a | b\n---+---\n 1 | 2\n 3 | 4\n"
QUOTED = "> | a | b |\n> |---|---|\n> | 1 | 2 |\n> | 3 | 4 |\n"


@pytest.mark.parametrize("table", [MARKDOWN, BARE, ORG, GRID, PRINTED, QUOTED])
def test_a_row_has_its_header_and_rule(table: str) -> None:
    lines = header_above(table, table.index("3"), first="").split("\n")
    assert len(lines) == 2
    assert [letter for letter in lines[0] if letter.isalpha()] == ["a", "b"]
    assert header_above(table, table.index("a"), first="") == ""


@pytest.mark.parametrize("word", ["Before", "After", "a |"])
def test_what_is_no_row_has_none(word: str) -> None:
    assert header_above(MARKDOWN, MARKDOWN.index(word), first="") == ""


def test_a_text_that_begins_in_a_table_has_the_header_that_it_lacks_as_far_as_the_table_goes() -> None:
    text = "| 3 | 4 |\n| 5 | 6 |\n\nAfter.\n\n" + MARKDOWN
    assert header_above(text, 0, first="HEADER") == "HEADER"
    assert header_above(text, text.index("5"), first="HEADER") == "HEADER"
    assert header_above(text, text.index("After"), first="HEADER") == ""
    assert header_above(text, text.rindex("4"), first="HEADER") == "| a | b |\n|---|:-:|"


@pytest.mark.parametrize("text", ["a\n---\nb\n", "- a\n+ -\nb\n", "x = 1\n\ny = 2\n", "a -- b | c\nd\ne\n"])
def test_rules_of_other_kinds_make_no_header(text: str) -> None:
    assert header_above(text, len(text) - 2, first="") == ""
