"""Where terms are found in texts."""

import pytest

from qmd_mcp.retrieval.query.term_occurrences import Term, occurrences


def places(texts: list[str], terms: list[str]) -> list[tuple[int, int, int]]:
    found = occurrences(texts, terms)
    return list(zip(found.candidate.tolist(), found.term.tolist(), found.word.tolist(), strict=True))


def test_words_are_found_in_reading_order_with_their_text_and_position() -> None:
    assert places(["the cat sat", "a dog and a cat"], ["cat", "dog"]) == [(0, 0, 1), (1, 1, 4), (1, 0, 7)]


@pytest.mark.parametrize(
    ("stem", "word"), [("induct", "inductively"), ("properti", "properties"), ("happi", "happy"), ("us", "used")]
)
def test_a_stem_is_found_in_the_forms_of_its_word(stem: str, word: str) -> None:
    assert places([f"many {word} here"], [stem]) == [(0, 0, 1)]


@pytest.mark.parametrize(("stem", "word"), [("us", "usual"), ("cat", "category"), ("os", "cosmos")])
def test_a_stem_is_not_found_in_another_word(stem: str, word: str) -> None:
    assert places([f"many {word} here"], [stem]) == []


def test_names_are_read_part_by_part() -> None:
    assert places(["os.path_join(a)"], ["join", "path"]) == [(0, 1, 1), (0, 0, 2)]


def test_scripts_without_blanks_are_searched_letter_by_letter() -> None:
    assert places(["如何切换数据库", "数据"], ["数据库", "数据"]) == [(0, 0, 4), (0, 1, 4), (1, 1, 7)]


@pytest.mark.parametrize(
    "text",
    ["the “cat” sat", "the–cat—sat", "the… ‘cat’ sat.", "«the» cat™ sat", "🙂 the → cat\u200b sat", "the、cat（sat）"],
)
def test_typographic_signs_and_pictures_are_no_letters(text: str) -> None:
    assert places([text], ["cat", "sat"]) == [(0, 0, 1), (0, 1, 2)]


def test_a_mark_belongs_to_the_letter_that_it_stands_on_and_is_no_word_by_itself() -> None:
    assert places(["cafe\u0301s and हिन्दी words"], ["cafe\u0301", "word"]) == [(0, 0, 0), (0, 1, 3)]
    assert places(["a \u0301 \u200ccat 👨\u200d👩 \u2764\ufe0f sat"], ["cat", "sat"]) == [(0, 0, 1), (0, 1, 2)]


def test_letters_that_grow_when_small_do_not_move_a_word_into_another_text() -> None:
    assert places(["İİİİ first", "second"], ["first", "second"])[-1][0] == 1


def test_nothing_is_found_in_nothing() -> None:
    assert places([], ["a"]) == []
    assert places([""], ["a"]) == []
    assert places(["a"], []) == []
    assert places(["a"], [""]) == []


def test_a_term_is_the_rarer_the_fewer_passages_have_it_and_never_counts_negative() -> None:
    rarities = [Term("x", passages=passages).rarity(1_000) for passages in (0, 1, 10, 1_000)]
    assert rarities == sorted(rarities, reverse=True)
    assert rarities[-1] >= 0
    assert Term("x", passages=9).rarity(0) >= 0  # counted before the last update
