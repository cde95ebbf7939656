"""Where words begin and end, whatever stands between them."""

import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.retrieval.query.term_occurrences import occurrences

PUNCTUATION = [
    character for character in map(chr, range(sys.maxunicode)) if unicodedata.category(character).startswith("P")
]
WORDS = ["cat", "dogs", "straße", "ёлка", "हिन्दी", "数据库", "かな", "한글", "x", "42"]
TERMS = ["cat", "dog", "straß", "ёлка", "हिन्दी", "数据", "库", "かな", "글", "x", "42"]


def places(texts: list[str]) -> list[tuple[int, int, int]]:
    found = occurrences(texts, TERMS)
    return list(zip(found.candidate.tolist(), found.term.tolist(), found.word.tolist(), strict=True))


def test_every_punctuation_character_of_unicode_parts_words_as_a_blank_does() -> None:
    by_blank = places([f"{sign}cat{sign} {sign}dogs{sign}x数据{sign}".replace(sign, " ") for sign in PUNCTUATION])
    by_sign = places([f"{sign}cat{sign} {sign}dogs{sign}x数据{sign}" for sign in PUNCTUATION])
    assert len(by_blank) == 4 * len(PUNCTUATION)
    assert by_sign == by_blank


@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=8),
    signs=st.lists(st.text(st.sampled_from(PUNCTUATION), min_size=1, max_size=3), min_size=9, max_size=9),
)
def test_words_around_any_punctuation_are_those_around_a_blank(words: list[str], signs: list[str]) -> None:
    by_sign = signs[0] + "".join(word + sign for word, sign in zip(words, signs[1:], strict=False))
    assert places([by_sign]) == places([" ".join(words)])
