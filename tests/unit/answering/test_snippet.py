"""The part of a passage that is shown."""

from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.retrieval.showing.sentences import sentences
from qmd_mcp.retrieval.showing.snippet import snippet as piece_of
from qmd_mcp.retrieval.showing.text_matches import LONGEST, Sought


def snippet(text: str, query: LexicalQuery, *, intent: str | None = None) -> str:
    return piece_of(text, Sought.of(query, intent=intent)).text


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


def test_the_matching_sentence_comes_first_even_where_all_would_fit() -> None:
    text = "The harbour was built in 1820. " * 6 + "Its fees are low in winter. " + "Ships come and go. " * 16
    assert len(text) <= LONGEST
    assert snippet(text, LexicalQuery(words=("fees", "winter"))).startswith("… Its fees are low in winter.")


def test_the_matching_chinese_sentence_comes_first() -> None:
    text = "今天天气很好，我们去公园散步。" * 45 + "缓存同时过期时，数据库的压力会突然升高。" + "晚上回家吃饭。" * 45
    assert snippet(text, LexicalQuery(words=("数据库压力",))).startswith("… 缓存同时过期时，")


def test_a_chinese_snippet_takes_as_many_tokens_as_a_latin_one() -> None:
    text = "今天天气很好，我们去公园散步。" * 20
    assert 100 <= len(snippet(text, LexicalQuery(words=("公园",)))) <= LONGEST // 4 + 4
    assert snippet("缓存同时过期。" * 5, LexicalQuery(words=("缓存",))) == "缓存同时过期。" * 5


def test_a_match_at_the_end_is_shown_with_what_it_follows_from() -> None:
    text = FILLER * 2 + "Only then open the sluice."
    shown = snippet(text, LexicalQuery(words=("sluice",)))
    assert shown.endswith("written down. Only then open the sluice.")
    assert len(shown) >= 300


def test_a_word_that_every_sentence_has_chooses_none() -> None:
    text = (
        "The server server restarts at night. " * 10 + "A server in the cellar overheats. " + "One more server. " * 20
    )
    assert snippet(text, LexicalQuery(words=("server", "overheats"))).startswith("… A server in the cellar overheats.")


def test_names_with_dots_and_numbered_steps_are_not_taken_apart() -> None:
    code = "import os\n" * 30 + "def run():\n    lock.acquire(blocking=False)\n    return lock\n" + "x = 1\n" * 40
    assert "lock.acquire(blocking=False)" in snippet(code, LexicalQuery(words=("acquire", "blocking")))
    steps = FILLER + "\n1. Select **Unlock vault**.\n2. Restart the app.\n" + FILLER
    assert snippet(steps, LexicalQuery(words=("unlock",))).startswith("… 1. Select **Unlock vault**.")
    assert snippet(
        FILLER + "Use Node.js integration with care. " + FILLER, LexicalQuery(words=("integration",))
    ).startswith("… Use Node.js integration")


def test_a_sentence_that_is_wrapped_is_one() -> None:
    text = (
        FILLER
        + "Call it before the window opens, since every parameter that is added\nin this fashion goes to the server.\n"
        + FILLER
    )
    assert snippet(text, LexicalQuery(words=("fashion",))).startswith("… Call it before the window opens")
    code = "import os\n" * 40 + "import zlib\nfrom pathlib import Path\n" + "x = 1\n" * 60
    assert snippet(code, LexicalQuery(words=("zlib",))).startswith("… import zlib")


def test_a_short_word_is_looked_for_where_words_begin_and_a_long_one_as_a_whole() -> None:
    text = "It runs asynchronously. " * 20 + "We sync every hour. " + FILLER
    assert snippet(text, LexicalQuery(words=("sync",))).startswith("… We sync every hour.")
    text = "The settings are many. " * 20 + "Call win.setTitleBarOverlay at once. " + FILLER
    assert snippet(text, LexicalQuery(words=("setTitleBarOverlay",))).startswith("… Call win.setTitleBarOverlay")


@given(st.text(alphabet=st.sampled_from('aB1.!?。！\n )"')))
def test_sentences_are_the_text(text: str) -> None:
    assert "".join(text[start:end] for start, end in sentences(text)) == text
