"""The parsing of lines that a model wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.domain.documents import SubQuery
from qmd_mcp.domain.text.scripts import script_of
from qmd_mcp.inference.expanding.line_parsing import Draft, Kind, names, sub_queries


def kept(query: str, *drafts: Draft) -> list[str]:
    return [line.text for line in sub_queries(query, drafts, script_of=script_of)]


def lex(text: str, *, finished: bool = True) -> Draft:
    return Draft("lex", text, finished)


def vec(text: str, *, finished: bool = True) -> Draft:
    return Draft("vec", text, finished)


def hyde(text: str, *, finished: bool = True) -> Draft:
    return Draft("hyde", text, finished)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("how do I configure nginx", ()),
        ("How do I configure Nginx", ("Nginx",)),
        ("what does maxRetryCount do in foo_bar.py", ("maxRetryCount", "foo_bar.py")),
        ("is C++ faster than Python 3.11", ("C++", "Python", "3.11")),
        ("ERR_CONN_REFUSED after update", ("ERR_CONN_REFUSED",)),
        ("如何配置 lancedb 的索引", ("lancedb",)),
        ("怎样写信", ()),
        ("où est la bibliothèque Mitterrand", ("Mitterrand",)),
        ("wie schreibt Müller", ("Müller",)),
        ("How To Restore A Backup Of Postgres 17", ("17",)),
        ("HOW DO I RESTORE foo_bar", ("foo_bar",)),
        ("(why does Redis swap?)", ("Redis",)),
    ],
)
def test_identifiers_numbers_and_capitalised_words_are_names(query: str, expected: tuple[str, ...]) -> None:
    assert names(query, script_of=script_of) == expected


def test_keywords_get_the_names_that_they_lack_and_a_sentence_without_is_dropped() -> None:
    drafts = (lex("replica standby"), vec("what if the primary is lost"), hyde("A standby of Postgres takes over."))
    assert kept("how does Postgres fail over", *drafts) == [
        "Postgres replica standby",
        "A standby of Postgres takes over.",
    ]


def test_a_line_that_adds_nothing_is_dropped() -> None:
    assert kept("restore the backup", lex("backup restore"), vec("Restore the backup!"), hyde("backup")) == []


def test_of_equal_lines_of_a_kind_one_is_kept() -> None:
    assert kept("fail over", lex("standby, replica"), lex("Standby replica"), vec("standby replica")) == [
        "standby, replica",
        "standby replica",
    ]


def test_a_line_in_another_script_is_dropped() -> None:
    assert kept("怎样恢复备份", lex("restore snapshot"), vec("如何从快照还原数据")) == ["如何从快照还原数据"]
    assert kept("how to restore", lex("快照 还原"), vec("recover from a snapshot")) == ["recover from a snapshot"]
    assert kept("バックアップを戻す", lex("復元 手順")) == ["復元 手順"]


@pytest.mark.parametrize(
    ("draft", "line"),
    [
        (lex("- lex: standby replica"), "standby replica"),
        (vec('1. "what takes over?"'), "what takes over?"),
        (lex('"standby" -replica path:notes title:x'), "standby replica notes x"),
        (lex("standby  \n replica"), "standby replica"),
        (lex("standby replica promo", finished=False), "standby replica"),
        (vec("standby", finished=False), "standby"),
        (hyde("A standby takes over. It is then the pri", finished=False), "A standby takes over."),
        (hyde("备库会接管。然后它就成", finished=False), None),
        (hyde("a standby takes ov", finished=False), "a standby takes"),
        (lex("standby \ufffd"), "standby"),
        (lex(" -- "), None),
        (lex(""), None),
    ],
)
def test_a_line_is_cleaned_and_what_was_cut_off_is_left_out(draft: Draft, line: str | None) -> None:
    assert kept("fail over", draft) == ([line] if line else [])


def test_a_chinese_line_is_cut_at_its_last_sentence() -> None:
    assert kept("主库挂了怎么办", hyde("备库会接管。然后它就成", finished=False)) == ["备库会接管。"]


texts = st.text(st.sampled_from("ab AB_.-\"'`:：<|>\n\ufffd主库。é1٣"), max_size=40)
drafts = st.lists(st.builds(Draft, st.sampled_from(("lex", "vec", "hyde")), texts, st.booleans()), max_size=6)


@given(query=texts, wrote=drafts)
def test_lines_are_clean_distinct_and_keep_the_names(query: str, wrote: list[Draft]) -> None:
    lines = sub_queries(query, wrote, script_of=script_of)
    assert len(set(lines)) == len(lines) <= len(wrote)
    for line in lines:
        assert line.text == " ".join(line.text.split())
        assert any(character.isalnum() for character in line.text)
        assert all(name.casefold() in line.text.casefold() for name in names(query, script_of=script_of))
        assert line.kind != "lex" or not set('"“”') & set(line.text)


@given(query=texts, wrote=drafts)
def test_order_and_kinds_are_those_of_the_drafts(query: str, wrote: list[Draft]) -> None:
    kinds: list[Kind] = [line.kind for line in sub_queries(query, wrote, script_of=script_of)]
    remaining = iter(draft.kind for draft in wrote)
    assert all(kind in remaining for kind in kinds)


def test_a_line_is_a_sub_query() -> None:
    assert sub_queries("fail over", [lex("standby")], script_of=script_of) == (SubQuery("lex", "standby"),)
