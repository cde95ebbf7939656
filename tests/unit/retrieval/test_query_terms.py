"""Which terms of a query an answer is judged by."""

from collections.abc import Mapping, Sequence

import pytest

from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.retrieval.vocabulary.query_terms import query_terms

pytestmark = pytest.mark.anyio


class Segmented:
    """A text that is segmented already."""

    async def terms_of(self, text: str) -> Sequence[str]:
        return text.split()

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        return dict.fromkeys(terms, 1)

    async def passages(self) -> int:
        return 10


async def terms_of(*words: str) -> list[str]:
    return [term.text for term in await query_terms(LexicalQuery(words), vocabulary=Segmented())]


@pytest.mark.parametrize(
    "words", ["发票 应该 怎么 报销", "请问 如何 报销 发票", "領収書 は どこ で もらう こと が できる"]
)
async def test_function_words_of_chinese_and_japanese_say_nothing_of_what_is_asked_for(words: str) -> None:
    terms = await terms_of(words)
    assert set(terms) <= {"发票", "报销", "領収書", "もらう", "できる"}
    assert len(terms) >= 2


async def test_a_query_of_function_words_alone_keeps_them() -> None:
    assert await terms_of("什么 时候") == ["什么", "时候"]


async def test_a_term_that_comes_twice_is_there_twice() -> None:
    assert await terms_of("blue red blue") == ["blue", "red", "blue"]
