"""The part of a passage that is shown."""

from qmd_mcp.lookup import LexicalQuery
from qmd_mcp.retrieval.snippet import LONGEST, snippet

FILLER = "The weather was fair and nothing of note was written down. " * 8


def test_a_short_passage_is_shown_whole() -> None:
    assert snippet("One line.\nAnother.\n", LexicalQuery(words=("line",))) == "One line.\nAnother."


def test_the_matching_sentence_is_in_the_snippet_of_a_long_passage() -> None:
    text = FILLER + "Copper tape keeps the slugs away from the lettuce. " + FILLER
    shown = snippet(text, LexicalQuery(words=("slug", "lettuce")))
    assert "Copper tape keeps the slugs away" in shown
    assert len(shown) <= LONGEST + 4
    assert shown.startswith("… ")


def test_chinese_is_matched_without_blanks() -> None:
    text = "今天天气很好，我们去公园散步。" * 45 + "缓存同时过期时，数据库的压力会突然升高。" + "晚上回家吃饭。" * 45
    assert "数据库的压力" in snippet(text, LexicalQuery(words=("数据库压力",)))


def test_one_endless_line_is_cut() -> None:
    assert len(snippet("x" * 5000, LexicalQuery(words=("y",)))) <= LONGEST + 2


def test_in_an_endless_line_the_place_that_matches_is_shown() -> None:
    row = (
        "| " + "filler words of no interest here " * 60 + "the zeppelin lands at noon " + "and more filler words " * 60
    )
    assert "zeppelin lands at noon" in snippet(row, LexicalQuery(words=("zeppelin", "noon")))
    line = "数据" * 900 + "齐柏林飞艇降落" + "数据" * 900
    shown = snippet(line, LexicalQuery(words=("飞艇降落",)))
    assert "齐柏林飞艇降落" in shown
    assert len(shown) <= LONGEST + 4


def test_what_the_caller_is_after_chooses_the_sentence_too() -> None:
    text = "The first harbour is large. " * 20 + "Its fees are low in winter. " + "The last harbour is small. " * 20
    assert "fees are low" not in snippet(text, LexicalQuery(words=("harbour",)))[:80]
    assert "fees are low" in snippet(text, LexicalQuery(words=("harbour",)), intent="fees in winter")[:80]
