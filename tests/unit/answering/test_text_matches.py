"""Where in a text a query matches."""

import pytest

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.retrieval.showing.text_matches import Sought, TextMatches


def line(text: str, *words: str, sought: Sought | None = None, **query: tuple[str, ...]) -> str:
    """The line at which the best part begins."""
    sought = sought or Sought.of(LexicalQuery(words=words, **query))
    return text[TextMatches(text, sought).best() :].split("\n", 1)[0]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ocarinas", "many an ocarina"),
        ("resume", "a résumé"),
        ("ночь", "тёмные ночи"),
        ("数据", "重启数据库之后"),
        ("ZÜRICH", "nach Zürich"),
    ],
)
def test_the_line_that_has_the_word_in_any_form_is_found(word: str, expected: str) -> None:
    text = "First of all\n\nmany an ocarina\n\na résumé\n\nтёмные ночи\n\n重启数据库之后\n\nnach Zürich\n\nThe end"
    assert line(text, word) == expected


def test_the_rarest_word_decides() -> None:
    text = "The server is up.\nThe server is down.\nThe beamer is down.\n"
    assert line(text, "server", "beamer") == "The beamer is down."


def test_a_name_as_a_whole_decides_before_its_parts() -> None:
    rows = [f"| node-{number:03} | disk-{number * 3:03} |" for number in range(120)]
    assert line("\n".join(rows), "node-102") == rows[102]
    rows = ["| max_idle_conns |", "| max_conns_idle |", "| idle_max_conns |"]
    assert line("\n".join(rows), "max_conns_idle") == rows[1]


def test_a_phrase_decides_before_its_words() -> None:
    text = "A car that is antique.\nAntique cars.\nAn antique car.\n"
    assert line(text, phrases=("antique car",)) == "An antique car."


def test_a_near_word_stands_in_for_the_word_that_is_missing() -> None:
    assert line("One.\nPhotosynthesis.\n", "photosinthesis", near=("photosynthesis",)) == "Photosynthesis."


def test_what_all_found_passages_have_does_not_decide() -> None:
    header = "| code | meaning | action |"
    text = f"{header}\n" + "\n".join(f"| E{number} | late | wait |" for number in range(4000, 4030))
    words = LexicalQuery(words=("meaning", "code", "action", "E4021"))
    others = [
        Passage("d", "c", "a.md", "", number, (), f"{header}", "| E1 | late | wait |", 1, 1, 0, 20) for number in (1, 2)
    ]
    mine = Passage("d", "c", "a.md", "", 0, (), "", text, 1, 31, 0, len(text))
    assert line(text, sought=Sought.of(words).among([mine, *others])) == "| E4021 | late | wait |"


def test_nothing_found_is_the_beginning_of_what_is_looked_at() -> None:
    matches = TextMatches("One.\nTwo.\nThree.\n", Sought.of(LexicalQuery(words=("four",))))
    assert (matches.best(), matches.best(5, 10)) == (0, 5)


def test_only_what_begins_in_the_given_part_is_looked_at() -> None:
    matches = TextMatches("An owl.\nTwo.\nAn owl and a heron.\n", Sought.of(LexicalQuery(words=("owl", "heron"))))
    assert (matches.best(), matches.best(0, 10)) == (13, 0)
