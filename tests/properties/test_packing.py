"""What packing keeps, whatever the texts and the budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.errors import ArgumentError
from qmd_mcp.retrieval.packing import OVERHEAD, Cursor, pack, tokens_of

TEXTS = st.lists(st.text(alphabet=st.sampled_from("ab 数据\n"), min_size=1, max_size=80), min_size=1, max_size=6)
BUDGETS = st.integers(50, 400)


@given(texts=TEXTS, budget=BUDGETS)
def test_the_budget_is_kept(texts: list[str], budget: int) -> None:
    pieces = pack(texts, max_tokens=budget)
    spent = sum(OVERHEAD + sum(tokens_of(line) for line in piece.text.split("\n")) for piece in pieces)
    assert spent <= budget + (2 if pieces[-1].text.endswith("…") else 0)


@given(texts=TEXTS, budget=BUDGETS)
def test_going_on_shows_every_line_once_and_in_order(texts: list[str], budget: int) -> None:
    shown: list[list[str]] = [[] for _ in texts]
    done, first_line = 0, 0
    for _ in range(1_000):
        for number, piece in enumerate(pack(texts[done:], max_tokens=budget, first_line=first_line), start=done):
            lines = texts[number].split("\n")
            assert piece.text.endswith("…") or piece.text == "\n".join(lines[piece.first_line : piece.last_line + 1])
            shown[number] += lines[piece.first_line : piece.last_line + 1]
            done, first_line = number, piece.last_line + 1
        if first_line >= len(texts[done].split("\n")):
            done, first_line = done + 1, 0
        if done == len(texts):
            break
    assert shown == [text.split("\n") for text in texts]


def test_one_endless_line_is_cut_within() -> None:
    (piece,) = pack(["word " * 1_000], max_tokens=100)
    assert piece.text.endswith("…")
    assert 50 <= tokens_of(piece.text) <= 62


@given(hits=st.integers(0, 100), lines=st.integers(0, 1_000))
def test_a_cursor_comes_back_as_it_was(hits: int, lines: int) -> None:
    cursor = Cursor(question="0123abcd", seen="89ef4567", hits=hits, lines=lines)
    assert Cursor.decoded(cursor.encoded(), question="0123abcd") == cursor


@given(text=st.text(max_size=60))
def test_anything_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ArgumentError, match="cursor"):
        Cursor.decoded(text, question="0123abcd")


def test_a_cursor_of_another_question_is_refused() -> None:
    cursor = Cursor(question="0123abcd", seen="89ef4567", hits=1)
    with pytest.raises(ArgumentError, match="another question"):
        Cursor.decoded(cursor.encoded(), question="ffffffff")
