"""What a query says."""

import pytest

from qmd_mcp.domain.lookup import WHOLE_INDEX, LexicalQuery, Scope
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.errors import ArgumentError, EmptyQueryError, OnlyNegativesError
from qmd_mcp.retrieval.query.calendar_days import beginning_of
from qmd_mcp.retrieval.query.syntax import ParsedQuery, parse, parse_request

DAY = 86_400 * 10**9


def test_function_words_are_dropped_outside_phrases() -> None:
    assert parse('how do I rotate the "state of the art" keys').lexical == LexicalQuery(
        words=("rotate", "keys"), phrases=("state of the art",)
    )


def test_a_query_of_function_words_alone_keeps_them() -> None:
    assert parse("to be or not to be").lexical.words == ("to", "be", "or", "not", "to", "be")


def test_everything_can_stand_in_one_query() -> None:
    query = '"blue green" deploy kuber* -canary -"big bang" path:runbooks/ -path:old title:"post mortem" tag:#Ops/EU'
    assert parse(f"{query} after:2026-03 before:2027") == ParsedQuery(
        text="blue green deploy kuber",
        lexical=LexicalQuery(words=("deploy",), phrases=("blue green",), negatives=("canary", "big bang")),
        prefixes=("kuber",),
        filters=Scope(
            paths=("runbooks/",),
            not_paths=("old",),
            titles=("post mortem",),
            tags=("ops/eu",),
            after_ns=beginning_of("2026-03-01", name="after"),
            before_ns=beginning_of("2027-01-01", name="before"),
        ),
        excluded_words=("canary",),
    )


def test_chinese_quotes_and_negations_are_understood() -> None:
    assert parse("数据库 “连接超时” -缓存").lexical == LexicalQuery(
        words=("数据库",), phrases=("连接超时",), negatives=("缓存",)
    )


def test_a_decomposed_letter_is_the_same_query() -> None:
    assert parse("cafe\u0301") == parse("caf\u00e9")


def test_identifiers_keep_their_inner_signs_and_lose_the_sentence_around_them() -> None:
    assert parse("What is `os.path.join`, (or foo_bar)?").lexical.words == ("os.path.join", "foo_bar")


def test_only_negatives_are_the_callers_mistake() -> None:
    with pytest.raises(OnlyNegativesError, match=r"only excludes \(-blue green\)"):
        parse('-"blue green"')
    with pytest.raises(OnlyNegativesError, match=r"only excludes \(-draft\)"):
        parse("tag:meeting -draft")


@pytest.mark.parametrize("query", ["path:notes/", "tag:meeting after:2026-01", "-tag:draft"])
def test_filters_alone_select_documents(query: str) -> None:
    parsed = parse(query)
    assert parsed.only_filters
    assert parsed.lexical.is_empty
    assert parsed.filters != WHOLE_INDEX


def test_an_address_is_no_filter() -> None:
    assert parse("https://example.org/path:x").lexical.words == ("https://example.org/path:x",)


@pytest.mark.parametrize("query", ["tag:", "after:", "path: notes", "tag:#", "tag:/", 'title:" "'])
def test_a_filter_without_a_value_is_a_word(query: str) -> None:
    assert parse(query).filters == WHOLE_INDEX


@pytest.mark.parametrize(
    ("written", "tag"),
    [("tag:Soil/Loam", "soil/loam"), ("tag:#soil", "soil"), ('tag:"two words"', "two words"), ("tag:Crème/", "creme")],
)
def test_tags_are_compared_folded_and_without_their_sign(written: str, tag: str) -> None:
    assert parse(f"x {written}").filters.tags == (tag,)


@pytest.mark.parametrize(
    ("written", "days"),
    [("1970", 0), ("1970-02", 31), ("1970-01-02", 1), ("1970-1-2", 1), ("1969-12-31", -1), ("1972-02-29", 789)],
)
def test_a_year_a_month_and_a_day_stand_for_their_beginning_in_utc(written: str, days: int) -> None:
    assert parse(f"x after:{written}").filters.after_ns == days * DAY
    assert parse(f"x before:{written}").filters.before_ns == days * DAY
    assert parse(f"x -after:{written}").filters.before_ns == days * DAY


@pytest.mark.parametrize("written", ["yesterday", "2026-13", "2026-02-30", "26-01-01", "2026-3-", "0000", "٢٠٢٦"])
def test_what_is_no_date_is_said_with_what_would_be_one(written: str) -> None:
    with pytest.raises(ArgumentError, match=r"a day \(2026, 2026-03 or 2026-03-01\), not .* Quote it"):
        parse(f"standup after:{written}")
    assert parse(f'standup "after:{written}"').filters == WHOLE_INDEX


def test_of_several_dates_the_narrowest_hold() -> None:
    filters = parse("x after:2020 after:2024 before:2026 before:2025").filters
    assert (filters.after_ns, filters.before_ns) == (beginning_of("2024", name=""), beginning_of("2025", name=""))


def test_the_arguments_of_a_request_narrow_it_like_the_operators() -> None:
    request = SearchRequest("x", tags=("#Ops",), after="2026-03", before="2027", collections=("notes",))
    assert (
        parse_request(request).filters
        == parse_request(SearchRequest("x tag:ops after:2026-03-01 before:2027-01", collections=("notes",))).filters
    )
    assert not parse_request(request).only_filters
    for everything in ("", "*"):
        assert parse_request(SearchRequest(everything, tags=("ops",))).only_filters


@pytest.mark.parametrize("query", ["\0", "\x1b\x07", "\ud800"])
def test_a_query_of_control_characters_is_empty_and_lists_nothing(query: str) -> None:
    with pytest.raises(EmptyQueryError):
        parse_request(SearchRequest(query, collections=("notes",)))


@pytest.mark.parametrize(
    ("word", "prefixes"),
    [("kubern*", ("kubern",)), ("wi-fi*", ("wi-fi",)), ("ab*", ("ab",)), ("日本*", ("日本",)), ("a*", ())]
    + [(other, ()) for other in ("**bold**", "*.md", "*bold*", "a*b", "x**", "*", "3*4", '"kub*"')],
)
def test_a_word_whose_end_is_open_is_told_from_markup_and_globs(word: str, prefixes: tuple[str, ...]) -> None:
    parsed = parse(f"drain {word}")
    assert parsed.prefixes == prefixes
    assert ("kubern*" in parsed.lexical.words, "kubern" in parsed.lexical.words) == (False, False)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("✅", ("✅",)),
        ("?. &&", ("?.", "&&")),
        ("->", ("->",)),
        ("C++", ("C++",)),
        ("#tag", ("#tag",)),
        ('"?."', ("?.",)),
        ("?", ("?",)),
        ("x ?. y", ("x", "?.", "y")),
        ("really ?", ("really",)),
        ("shipped ✅ !", ("shipped", "✅")),
    ],
)
def test_signs_are_looked_for(query: str, words: tuple[str, ...]) -> None:
    assert parse(query).lexical == LexicalQuery(words)
