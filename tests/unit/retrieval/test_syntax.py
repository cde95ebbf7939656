"""What a query says."""

import pytest

from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.errors import ArgumentError, OnlyNegativesError
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse


def test_function_words_are_dropped_outside_phrases() -> None:
    assert parse('how do I rotate the "state of the art" keys').lexical == LexicalQuery(
        words=("rotate", "keys"), phrases=("state of the art",)
    )


def test_a_query_of_function_words_alone_keeps_them() -> None:
    assert parse("to be or not to be").lexical.words == ("to", "be", "or", "not", "to", "be")


def test_everything_can_stand_in_one_query() -> None:
    assert parse('"blue green" deploy -canary -"big bang" path:runbooks/ title:"post mortem"') == ParsedQuery(
        text="blue green deploy",
        lexical=LexicalQuery(words=("deploy",), phrases=("blue green",), negatives=("canary", "big bang")),
        paths=("runbooks/",),
        titles=("post mortem",),
    )


@pytest.mark.parametrize("flags", ["rm -rf build", "git commit --amend", "ls -l", "a - b", "x -1"])
def test_command_line_flags_are_no_negations(flags: str) -> None:
    assert parse(flags).lexical.negatives == ()


def test_chinese_quotes_and_negations_are_understood() -> None:
    assert parse("数据库 “连接超时” -缓存").lexical == LexicalQuery(
        words=("数据库",), phrases=("连接超时",), negatives=("缓存",)
    )


def test_a_decomposed_letter_is_the_same_query() -> None:
    assert parse("cafe\u0301") == parse("caf\u00e9")


def test_identifiers_keep_their_inner_signs_and_lose_the_sentence_around_them() -> None:
    assert parse("What is `os.path.join`, (or foo_bar)?").lexical.words == ("os.path.join", "foo_bar")


def test_only_negatives_are_the_callers_mistake() -> None:
    with pytest.raises(OnlyNegativesError, match=r"only excludes \(-alpha -beta\)"):
        parse("-alpha -beta")


def test_only_filters_are_the_callers_mistake() -> None:
    with pytest.raises(ArgumentError, match="only filters"):
        parse("path:notes/")


def test_an_address_is_no_filter() -> None:
    assert parse("https://example.org/path:x").lexical.words == ("https://example.org/path:x",)
