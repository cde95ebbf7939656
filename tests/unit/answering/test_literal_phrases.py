"""Phrases that stand literally in a passage."""

import pytest

from qmd_mcp.domain.documents import Passage
from qmd_mcp.retrieval.query.literal_phrases import literal, literal_first, stands_in


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("antique car", "The Antique  car\nis parked."),
        ("antique car", "the **antique** _car_, parked"),
        ("antique car", "the [antique car] of May"),
        ("resume writing", "Résumé writing"),
        ("max_tokens", "set `max_tokens` to 300"),
        ("a?.b", "use a?.b here"),
        ("数据库", "重启数据库之后"),
        ("C++", "C++ and C"),
    ],
)
def test_case_accents_blanks_and_emphasis_make_no_difference(phrase: str, text: str) -> None:
    assert stands_in(literal(phrase), literal(text))


@pytest.mark.parametrize(
    ("phrase", "text"),
    [("antique car", "antique cars"), ("car", "scar"), ("antique car", "antique, car"), ("", "antique"), ("**", "a b")],
)
def test_parts_of_words_and_other_signs_are_no_match(phrase: str, text: str) -> None:
    assert not stands_in(literal(phrase), literal(text))


def test_a_match_further_on_counts_though_an_earlier_one_is_a_part_of_a_word() -> None:
    assert stands_in("car", "scar and car")


def passage(text: str, *, title: str = "") -> Passage:
    return Passage("d", "c", "a.md", title, 0, (), "", text, 1, 1, 0, len(text))


def test_literal_ones_come_first_and_each_group_keeps_its_order() -> None:
    texts = ["antique cars", "an antique car", "the antiques and cars", "my antique car"]
    passages = [*map(passage, texts), passage("Fun.", title="Antique car")]
    assert literal_first(["antique car"], passages) == [1, 3, 4, 0, 2]
    assert literal_first([], passages) == [0, 1, 2, 3, 4]


def test_a_phrase_is_read_across_the_target_of_a_link() -> None:
    linked = passage("Read the [manual](https://example.org/m) before you drive.")
    assert literal_first(["manual before you drive"], [passage("manuals before you drive"), linked]) == [1, 0]


def test_of_two_phrases_both_are_better_than_one() -> None:
    assert literal_first(["red car", "blue bus"], [passage("red car"), passage("red car, blue bus")]) == [1, 0]
