"""Which terms are near to a word that the index lacks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.domain.text.folding import folded
from qmd_mcp.retrieval.vocabulary.nearness import (
    MOST_WITHIN,
    NEAREST,
    has_every_letter,
    inflected_spellings,
    near_terms,
    nearest_spellings,
)

KNOWN = {
    "five": 9,
    "standby": 4,
    "vault": 7,
    "vaults": 1,
    "encrypt": 3,
    "c": 5,
    "configur": 8,
    "under": 9,
    "repo": 2,
    "accident": 2,
    "photosynthesi": 1,
    "photo": 3,
    "photos": 2,
    "moor": 2,
    "man": 1,
    "删除": 5,
    "数据库": 4,
    "データベース": 2,
    "데이터베이스": 3,
    "서버": 2,
    "перезагрузите": 2,
    "φωτοσυνθεση": 2,
}


@pytest.mark.parametrize(
    ("word", "term", "kind", "near"),
    [
        ("config", "config", "beginning", ("configur",)),
        ("accident", "accid", "beginning", ("accident",)),
        ("repository", "repositori", "beginning", ("repo",)),
        ("stanbdy", "stanbdy", "spelling", ("standby",)),  # two letters in each other's place are one edit
        ("vaault", "vaault", "spelling", ("vault",)),  # the nearest alone
        ("photosinthesis", "photosinthesi", "spelling", ("photosynthesi",)),  # before its own beginning, `photos`
        ("删", "删", "within", ("删除",)),
        ("数据库表", "数据库表", "within", ("数据库",)),
        ("データ", "データ", "within", ("データベース",)),
        ("데이터", "데이터", "beginning", ("데이터베이스",)),
        ("데이터배이스", "데이터배이스", "spelling", ("데이터베이스",)),  # one letter of a syllable
        ("перезагрузте", "перезагрузте", "spelling", ("перезагрузите",)),
        ("φωτοσυνθεσι", "φωτοσυνθεσι", "spelling", ("φωτοσυνθεση",)),
    ],
)
def test_the_terms_that_are_near(word: str, term: str, kind: str, near: tuple[str, ...]) -> None:
    assert near_terms(word, term, KNOWN) == (kind, near)


@pytest.mark.parametrize(
    "word",
    [
        "drive",  # two edits from `five` make another word of five letters
        "kubernet",
        "d",
        "cat",
        "understand",  # `under` is a function word
        "vault2",  # a code that differs by a letter is another one
        "ballot",  # two edits, with another first letter
        "서비",  # one letter makes another word of two syllables
        "数据",
        "天气",
    ],
)
def test_what_is_near_to_nothing(word: str) -> None:
    known = {term: count for term, count in KNOWN.items() if term != "数据库"}
    assert near_terms(word, word, known) is None


def test_the_more_frequent_of_equally_near_terms_come_first_and_few_are_taken() -> None:
    known = {"configa": 1, "configb": 9, "configc": 5, "configd": 2}
    assert near_terms("config", "config", known) == ("beginning", ("configb", "configc", "configd"))
    assert len(nearest_spellings("confige", known)) == NEAREST
    assert near_terms("删", "删", {f"{letter}删": 1 for letter in map(chr, range(0x4E00, 0x4E40))}) is not None
    found = near_terms("删", "删", {f"{letter}删": 1 for letter in map(chr, range(0x4E00, 0x4E40))})
    assert found is not None
    assert len(found[1]) == MOST_WITHIN


@pytest.mark.parametrize(("word", "term"), [("moring", "moor"), ("menning", "man")])
def test_a_misspelling_whose_stem_is_far_is_found_by_what_is_before_its_ending(word: str, term: str) -> None:
    assert term in inflected_spellings(word, KNOWN)
    assert inflected_spellings("ring", KNOWN) == []


def test_no_text_has_a_string_with_a_letter_that_no_term_has() -> None:
    assert has_every_letter("库除", KNOWN)
    assert not has_every_letter("天库", KNOWN)


LETTERS = st.sampled_from("abcdefghijklmnopqrstuvwxyzабвгдежзиклмнопрстуфхцчшщыэюяαβγδεζηθικλμνξοπρστυφχψω")


@st.composite
def typing_errors(draw: st.DrawFn) -> tuple[str, str]:
    """A word of six letters or more of one alphabet, and the same with one error."""
    first = draw(LETTERS)
    alphabet = [letter for letter in "abcdefghijklmnopqrstuvwxyz" if first.isascii()] or [
        chr(code)
        for code in range(ord(first) - 3, ord(first) + 3)
        if chr(code).isalpha() and folded(chr(code)) == chr(code)
    ]
    word = first + "".join(draw(st.lists(st.sampled_from(alphabet), min_size=5, max_size=12)))
    at = draw(st.integers(1, len(word) - 2))
    other = draw(st.sampled_from(alphabet))
    wrong = draw(
        st.sampled_from(
            [
                word[:at] + word[at + 1 :],
                word[:at] + other + word[at:],
                word[:at] + other + word[at + 1 :],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            ]
        )
    )
    return word, wrong


@given(typing_errors())
def test_one_error_in_a_word_of_any_alphabet_never_hides_it(case: tuple[str, str]) -> None:
    word, wrong = case
    assert wrong == word or nearest_spellings(wrong, {word: 1}) == [word]


@given(st.text(min_size=1, max_size=12), st.dictionaries(st.text(min_size=1, max_size=6), st.integers(1, 9)))
def test_only_known_terms_are_near(word: str, known: dict[str, int]) -> None:
    found = near_terms(folded(word), folded(word), known)
    assert found is None or set(found[1]) <= known.keys()
