"""Where sentences end, against the plain rules, which are too slow for long rows of dots."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qmd_mcp.retrieval.showing.sentences import WRAPPED_WORDS, sentences

PLAIN_RULES = re.compile(
    r"(?P<number>^[ \t>]*\d+[.)][ \t]+)"
    r"|\n+"
    r"|[。！？]+[”’」』）\"')\]]*"
    r"|(?<=\S)[.!?]+[\"'”’)\]*_]*\s+(?=[^\sa-z])",
    re.MULTILINE,
)


def plain_ends(text: str) -> list[int]:
    ends: list[int] = []
    for match in PLAIN_RULES.finditer(text):
        line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        goes_on = text[match.start() :].lstrip()[:1].islower() and (line[-1:].isalnum() or line.endswith(","))
        wrapped = match.group() == "\n" and goes_on and len(line.split()) >= WRAPPED_WORDS
        if match["number"] is None and not wrapped:
            ends.append(match.end())
    return [*ends, len(text)] if not ends or ends[-1] < len(text) else ends


@given(st.text(alphabet=st.sampled_from('aB1.!?。！\n\t >)"”*_,'), min_size=1, max_size=40))
@example("a .. B")
@example(".. B")
@example("1. .. B")
@example("a b c d e f\n\ng")
@example("a b c d e f\n g")
@example("a b c d e,\nf g h i j k,\n \nl")
def test_sentences_end_where_the_plain_rules_say(text: str) -> None:
    assert [end for _, end in sentences(text)] == plain_ends(text)


@pytest.mark.parametrize("unit", [".", "?!", '."', ". a", "a.", "\n", "\n ", "a b c d e f\n", ">", "1", "。", " "])
def test_a_million_signs_are_read_in_one_pass(unit: str) -> None:
    text = "Contents " + unit * (1_000_000 // len(unit))
    pieces = sentences(text)
    assert (pieces[0][0], pieces[-1][1]) == (0, len(text))
