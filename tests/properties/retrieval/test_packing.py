"""What packing keeps, whatever the texts and the budget."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.errors import ArgumentError
from qmd_mcp.retrieval.answering.packing import OVERHEAD, Cursor, Piece, pack, tokens_of

TEXTS = st.lists(st.text(alphabet=st.sampled_from("ab 数据\n"), min_size=1, max_size=80), min_size=1, max_size=6)
BUDGETS = st.integers(50, 400)
COST = 7


def packed(texts: list[str], *, max_tokens: int, start: int = 0) -> list[Piece]:
    return pack(texts, costs=[COST] * len(texts), max_tokens=max_tokens, start=start)


@given(texts=TEXTS, budget=BUDGETS)
def test_the_budget_is_kept(texts: list[str], budget: int) -> None:
    pieces = packed(texts, max_tokens=budget)
    spent = sum(OVERHEAD + COST + sum(tokens_of(line) for line in piece.text.split("\n")) for piece in pieces)
    assert spent <= budget + (3 if "…" in pieces[-1].text else 0) + 1


@given(texts=TEXTS, budget=BUDGETS)
def test_going_on_shows_every_character_once_and_in_order(texts: list[str], budget: int) -> None:
    shown = ["" for _ in texts]
    done, start = 0, 0
    for _ in range(1_000):
        for number, piece in enumerate(packed(texts[done:], max_tokens=budget, start=start), start=done):
            part = texts[number][piece.start : piece.end]
            assert piece.text.strip("…") == part.strip("\n")
            assert piece.start == len(shown[number])
            shown[number] += part
            done, start = number, piece.end
        if start == len(texts[done]):
            done, start = done + 1, 0
        if done == len(texts):
            break
    assert shown == texts


@given(texts=TEXTS, budget=BUDGETS)
def test_only_a_first_line_beyond_the_budget_is_cut_within(texts: list[str], budget: int) -> None:
    for text, piece in zip(texts, packed(texts, max_tokens=budget), strict=False):
        if not piece.text.endswith("…"):
            assert piece.end == len(text) or text[piece.end - 1] == "\n"


def test_one_endless_line_is_cut_within_and_continued_where_it_was_cut() -> None:
    text = "word " * 1_000
    (piece,) = packed([text], max_tokens=100)
    assert piece.text.endswith("…")
    assert 50 <= tokens_of(piece.text) <= 66
    (rest,) = packed([text], max_tokens=100, start=piece.end)
    assert rest.text.startswith("…")
    assert text.startswith(piece.text.strip("…") + rest.text.strip("…"))


def test_no_heading_stands_alone_behind_other_hits() -> None:
    section = "## Heading\n\n" + "\n".join(f"Line {number} of a longer section, all of it." for number in range(30))
    assert len(packed(["one short hit", section], max_tokens=100)) == 1
    assert len(packed(["one short hit", section], max_tokens=200)) == 2
    assert [piece.text for piece in packed([section], max_tokens=50)] == ["## Heading"]


@given(hits=st.integers(0, 100), characters=st.integers(0, 1_000))
def test_a_cursor_comes_back_as_it_was(hits: int, characters: int) -> None:
    cursor = Cursor(question="0123abcd", seen="89ef4567", hits=hits, characters=characters)
    assert Cursor.decoded(cursor.encoded(), question="0123abcd") == cursor


@given(text=st.text(max_size=60))
def test_anything_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ArgumentError, match="cursor"):
        Cursor.decoded(text, question="0123abcd")


@pytest.mark.parametrize(
    "row", ['["0123abcd","s",1e999,0]', '["0123abcd","s",NaN,0]', '["0123abcd","s",-1,0]', "[1]", "7"]
)
def test_a_cursor_that_somebody_made_up_is_refused_in_a_sentence(row: str) -> None:
    with pytest.raises(ArgumentError, match="cursor"):
        Cursor.decoded(base64.urlsafe_b64encode(row.encode()).decode(), question="0123abcd")


def test_a_cursor_of_another_question_is_refused() -> None:
    cursor = Cursor(question="0123abcd", seen="89ef4567", hits=1)
    with pytest.raises(ArgumentError, match="another question"):
        Cursor.decoded(cursor.encoded(), question="ffffffff")
