"""Several texts are analysed together as they would be alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from qmd_mcp.domain.text.term_analysis import TermAnalysis

pytestmark = pytest.mark.anyio


class Words:
    """Analyses a text into its words in lower case, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def analyse(self, text: str) -> Sequence[str]:
        self.asked += 1
        return text.lower().split()


@pytest.mark.parametrize("texts", [[], [""], ["", "a b", ""], ["A b", "c", "a"], ["x qzpassagebreakzq y", "z", "w v"]])
async def test_each_text_has_the_terms_it_has_alone(texts: list[str]) -> None:
    words = Words()
    alone = [tuple(await words.analyse(text)) for text in texts]
    assert await TermAnalysis(words.analyse).of_each(texts) == alone


async def test_many_texts_are_one_call_and_the_separator_is_asked_for_once() -> None:
    words = Words()
    analysis = TermAnalysis(words.analyse)
    for number in range(3):
        await analysis.of_each([f"a{number}", f"b{number}", "c"])
    assert words.asked == 4


async def test_words_are_remembered_and_long_texts_are_not() -> None:
    words = Words()
    analysis = TermAnalysis(words.analyse)
    long = "a long text " * 10
    first = await analysis.of_each(["one", "two", long])
    assert await analysis.of_each(["two", "one", "two"]) == [first[1], first[0], first[1]]
    assert words.asked == 2
    assert await analysis.of_each([long, "one"]) == [first[2], first[0]]
    assert words.asked == 3
