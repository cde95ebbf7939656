"""What counts as an identifier, against one pattern that says it all and is too slow for long words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.retrieval.query.expansion_gate import is_identifier

ONE_PATTERN = re.compile(
    r"(?=.*[^\W\d])(?:\S*[^\W_](?:_|::|->|/|\\|=|\(|\.(?=\w))\S*|[_$@#./~-]\S+|\S*[a-z]\S*[A-Z]\S*|[A-Z]+\d\S*|\S*[(){}\[\]<>=]\S*)"
)

words = st.one_of(
    st.text(alphabet=st.sampled_from("abAB12_.:-><=()[]{}/\\$@#~²é数·'’"), min_size=1, max_size=6),
    st.text(min_size=1, max_size=8).filter(lambda text: len(text.split()) == 1 and text.split()[0] == text),
)


@given(words)
def test_several_searches_decide_as_the_one_pattern(word: str) -> None:
    assert is_identifier(word) == (ONE_PATTERN.fullmatch(word) is not None)


@pytest.mark.parametrize(
    ("word", "decision"),
    [
        ("a" * 500_000, False),
        ("A" * 500_000, False),
        ("Ab" + "c" * 500_000, False),
        ("1" * 500_000, False),
        ("1." * 250_000 + "a", True),
        ("a." * 250_000, True),
        ("a:" * 250_000, False),
        ("é" * 500_000 + "·", False),
        ("a" * 500_000 + "B", True),
    ],
    ids=lambda value: str(value)[:4],
)
def test_a_word_of_half_a_million_letters_is_decided_in_one_pass(word: str, *, decision: bool) -> None:
    assert is_identifier(word) is decision
