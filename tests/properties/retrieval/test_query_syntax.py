"""Any text is a query, and what it says does not depend on how it is looked at."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from qmd_mcp.domain.lookup import WHOLE_INDEX
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.errors import ArgumentError, OnlyNegativesError
from qmd_mcp.retrieval.query.filters import NAMES
from qmd_mcp.retrieval.query.minus import word_behind
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse, parse_request

PIECES = (
    *('"', "“", "”", "-", "--", "*", ":", "#", "/", " ", "\t", "path:", "title:", "tag:", "after:", "before:", "2026"),
    *("2026-03", "-tag:a", "-path:", '"a b"', '-"a b"', "-car", "-jar", "-O2", "-105", "java", "app.jar", "the", "✅"),
    *("?.", "kub*", "**b**", "*.md", "git", "|", "数据库", "-缓存", "é", "e\u0301", "\0", "\ud800", "\u2028", "İ"),
)
MARKS = set('"“”「」')
queries = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=12).map("".join) | st.text(max_size=40)
letters = st.characters(categories=["Ll", "Lu", "Lo", "Nd"])
words = st.text(letters, min_size=1, max_size=8).map(lambda word: unicodedata.normalize("NFC", word))


def parsed(query: str) -> ParsedQuery | None:
    """The parsed query; None if it only excludes or has something that is no date."""
    with suppress(OnlyNegativesError, ArgumentError):
        return parse(query)
    return None


@given(queries)
@example('-""')
@example('tag:"" x')
@example("after: before:")
@example("\0")
def test_any_text_is_a_query(query: str) -> None:
    """Only exclusions without a word and dates that are none are refused."""
    found = parsed(query)
    if found is None:
        return
    assert found.only_filters == (not found.text and found.filters != WHOLE_INDEX)
    assert set(found.excluded_words) <= set(found.lexical.negatives)
    assert all(part.strip() for part in (*found.lexical.words, *found.lexical.phrases, *found.lexical.negatives))
    assert all(len(stem) > 1 and "*" not in stem for stem in found.prefixes)


@given(st.lists(words, min_size=1, max_size=6))
def test_plain_words_are_words(plain: list[str]) -> None:
    found = parse(" ".join(plain))
    assert found.filters == WHOLE_INDEX
    assert (found.lexical.phrases, found.lexical.negatives, found.prefixes) == ((), (), ())
    assert found.text.split() == parse(found.text).text.split()
    assert set(found.lexical.words) <= set(found.text.split())


@given(queries)
@example("{after:-tag:a")
def test_the_words_of_a_query_are_parsed_the_same_again(query: str) -> None:
    """Words that are a filter without the punctuation before them are not."""
    found = parsed(query)
    if found is not None and found.lexical.words and not MARKS & set(query):
        if any(word.lstrip("-").partition(":")[0] in NAMES for word in found.lexical.words):
            return
        again = parse(" ".join(found.lexical.words), literal=[word_behind(word) for word in found.lexical.words])
        assert set(again.lexical.words) <= set(found.lexical.words)


@given(queries, words, st.sampled_from(["tag", "path", "title"]))
def test_a_filter_may_stand_before_or_behind_the_query(query: str, value: str, name: str) -> None:
    if MARKS & set(query):
        return  # an open quotation mark takes what follows it into the phrase
    before, behind = parsed(f"{name}:{value} {query}"), parsed(f"{query} {name}:{value}")
    if before is not None and behind is not None and parsed(query) is not None:
        assert before.text == behind.text
        assert before.lexical == behind.lexical


@given(words, words)
def test_a_quoted_minus_always_excludes(word: str, other: str) -> None:
    assert parse(f'{word} -"{other}"').lexical.negatives == (other,) or not other.strip()


@given(queries, st.lists(words, max_size=3))
def test_arguments_only_narrow(query: str, tags: list[str]) -> None:
    """With more filters a request selects nothing that it would not select without them."""
    with suppress(OnlyNegativesError, ArgumentError):
        request = SearchRequest(query or "x", tags=tuple(tags), after="2026")
        assert set(parse(query or "x").filters.tags) <= set(parse_request(request).filters.tags)
