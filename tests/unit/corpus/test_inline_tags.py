"""Tags in the body of Markdown."""

from __future__ import annotations

import pytest

from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.source_text import SourceText


def tags(content: str, path: str = "a.md") -> tuple[str, ...]:
    made = read(content.encode(), path)
    assert isinstance(made, SourceText), made
    return made.properties.tags


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("#bees at the start", ("bees",)),
        ("text #bees, #garden/orchard. And #wax!", ("bees", "garden/orchard", "wax")),
        ("- [ ] do it #todo\n> quoted #idea\n| cell | #row |", ("todo", "idea", "row")),
        ("#Bees and #bees", ("Bees",)),
        ("#y2024 #2024b #snake_case #kebab-case", ("y2024", "2024b", "snake_case", "kebab-case")),
        ("关于 #蜜蜂，以及 #花园/果园。", ("蜜蜂", "花园/果园")),
        ("#हिन्दी #🐝 #été", ("हिन्दी", "🐝", "été")),
        ("a footnote\n\n[^1]: with #bees", ("bees",)),
        ("- outer\n    - inner #bees", ("bees",)),
        ("#bees/ and #/wax", ("bees", "wax")),
    ],
)
def test_a_tag_is_a_sign_behind_a_blank_and_a_word(content: str, expected: tuple[str, ...]) -> None:
    assert tags(content) == expected


@pytest.mark.parametrize(
    "content",
    [
        *("# Heading", "## Heading\n### Part", "#", "a # b", "##bees", "C# and F#", "a#bees", "\\#bees", "&#35;"),
        *("issue #12, #2024 and #1/2", "#-", "#_", "#---", "#!bang"),
        *(
            "`#bees`",
            "``a ` #bees``",
            "`let x = #bees`",
            "```\n#bees\n```",
            "~~~c\n#include\n~~~",
            "text\n\n    #include",
        ),
        *("[text](#bees)", "[text](page #bees)", "[[Page #bees]]", "[[#bees]]", "[ref]: #bees", "https://x.org/#bees"),
        *('<a href="#bees" style="color: #beef">', "(#bees)", '"#bees"'),
    ],
)
def test_what_only_looks_like_a_tag_is_none(content: str) -> None:
    assert tags(content) == ()


def test_tags_of_the_body_join_those_of_the_front_matter() -> None:
    assert tags("---\ntags: [Wax, bees]\n---\n# Hives #bees\n\n#smoke\n") == ("Wax", "bees", "smoke")


def test_only_markdown_has_tags_in_its_body() -> None:
    assert tags("#bees", "a.txt") == tags("#bees", "a.py") == ()


@pytest.mark.parametrize(
    "unit", ["#a", "# ", "`#", "[[", "[#](", "<#", " #", "``", "#\n", "[a]: ", "    ", "#/", "a` #b ``", "- > `"]
)
def test_a_file_that_nobody_wrote_is_searched_for_tags_in_linear_time(unit: str) -> None:
    assert len("".join(tags(f"{unit * 100_000}x"))) <= 2_000  # in quadratic time this takes minutes
