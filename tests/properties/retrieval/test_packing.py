"""What packing keeps, whatever the texts, the budget and the place that matches."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.errors import ArgumentError
from qmd_mcp.retrieval.showing.packing import NOT_BEGUN, OVERHEAD, Cursor, Packable, Packed, Turn, pack, tokens_of
from qmd_mcp.retrieval.showing.text_matches import Sought

LETTERS = st.text(alphabet=st.sampled_from("ab 数据\n"), min_size=1, max_size=80)
TEXTS = st.lists(st.builds("{}{}{}".format, LETTERS, st.sampled_from(["", "zebra", "\nzebra\n"]), LETTERS), max_size=6)
BUDGETS = st.integers(50, 400)
COST = 7
ZEBRA = Sought.of(LexicalQuery(words=("zebra",)))


def packed(texts: list[str], *, max_tokens: int, turn: Turn = NOT_BEGUN, header: str = "") -> Packed:
    items = [Packable(text, COST, ZEBRA, header) for text in texts]
    return pack(items, max_tokens=max_tokens, turn=turn)


@given(texts=TEXTS, budget=BUDGETS, header=st.sampled_from(["", "| a | b |\n|---|---|"]))
def test_the_budget_is_kept(texts: list[str], budget: int, header: str) -> None:
    pieces = packed(texts, max_tokens=budget, header=header).pieces
    spent = sum(OVERHEAD + COST + sum(tokens_of(line) for line in piece.text.split("\n")) for piece in pieces)
    assert spent <= budget + (5 if pieces and "…" in pieces[-1].text else 0) + 1


@given(texts=TEXTS, budget=BUDGETS)
def test_going_on_shows_every_character_once(texts: list[str], budget: int) -> None:
    shown = [[False] * len(text) for text in texts]
    done, turn = 0, NOT_BEGUN
    for _ in range(1_000):
        answer = packed(texts[done:], max_tokens=budget, turn=turn)
        for number, piece in enumerate(answer.pieces, start=done):
            part = texts[number][piece.start : piece.end]
            assert piece.text.strip("…\n") == part.strip("\n")
            assert not any(shown[number][piece.start : piece.end])
            assert part
            shown[number][piece.start : piece.end] = [True] * len(part)
        done += len(answer.pieces) - (answer.turn is not None)
        turn = answer.turn or NOT_BEGUN
        if done == len(texts):
            break
    assert all(map(all, shown))


@given(texts=TEXTS, budget=BUDGETS)
def test_the_first_part_of_a_text_has_its_match(texts: list[str], budget: int) -> None:
    for text, piece in zip(texts, packed(texts, max_tokens=budget).pieces, strict=False):
        assert ("zebra" in piece.text) == ("zebra" in text) or piece.text.endswith("…")


@given(texts=TEXTS, budget=BUDGETS)
def test_only_a_first_line_beyond_the_budget_is_cut_within(texts: list[str], budget: int) -> None:
    for text, piece in zip(texts, packed(texts, max_tokens=budget).pieces, strict=False):
        if not piece.text.endswith("…"):
            assert piece.end == len(text) or text[piece.end - 1] == "\n"


def test_one_endless_line_is_cut_within_and_continued_where_it_was_cut() -> None:
    text = "word " * 1_000
    first = packed([text], max_tokens=100)
    (piece,) = first.pieces
    assert piece.text.endswith("…")
    assert 50 <= tokens_of(piece.text) <= 66
    assert first.turn is not None
    (rest,) = packed([text], max_tokens=100, turn=first.turn).pieces
    assert rest.text.startswith("…")
    assert text.startswith(piece.text.strip("…") + rest.text.strip("…"))


def test_an_endless_line_is_begun_where_it_matches() -> None:
    text = "word " * 1_000 + "zebra " + "word " * 1_000
    (piece,) = packed([text], max_tokens=150).pieces
    assert "zebra" in piece.text
    assert piece.text.startswith("…")


def test_no_heading_stands_alone_behind_other_hits() -> None:
    section = "## Heading\n\n" + "\n".join(f"Line {number} of a longer section, all of it." for number in range(30))
    assert len(packed(["one short hit", section], max_tokens=100).pieces) == 1
    assert len(packed(["one short hit", section], max_tokens=200).pieces) == 2
    assert [piece.text for piece in packed([section], max_tokens=50).pieces] == ["## Heading"]


def test_a_long_text_is_shown_from_its_match_to_the_end_and_then_from_the_beginning() -> None:
    lines = [f"Line {number} of a longer section, all of it." for number in range(30)]
    lines[20] = "Here the zebra stands."
    text = "\n".join(lines)
    first = packed([text], max_tokens=200)
    (piece,) = first.pieces
    shown = piece.text.split("\n")
    assert shown[0] == "…"
    assert lines[20] in shown
    assert shown[1:] == lines[20 - shown.index(lines[20]) + 1 :][: len(shown) - 1]
    assert shown.index(lines[20]) > 1  # what leads to it
    assert first.turn is not None
    pages, turn = [piece], first.turn
    while turn is not None:
        answer = packed([text], max_tokens=200, turn=turn)
        pages, turn = [*pages, *answer.pieces], answer.turn
    assert [page.start for page in pages[1:]][-1] != 0 or pages[-1].start == 0
    assert sorted(line for page in pages for line in page.text.strip("…\n").split("\n")) == sorted(lines)


def test_rows_come_below_the_header_of_their_table_on_every_page() -> None:
    header = "| node | owner |\n|------|-------|"
    rows = [f"| node-{number:03} | Alba {number} |" for number in range(60)]
    rows[45] = "| zebra | Chidi |"
    text = "Nodes and owners.\n\n" + "\n".join([header, *rows])
    answer = packed([text], max_tokens=150)
    (piece,) = answer.pieces
    assert piece.text.startswith(f"{header}\n…\n| node-0")
    assert rows[45] in piece.text
    assert answer.turn is not None
    (following,) = packed([text], max_tokens=150, turn=answer.turn).pieces
    assert following.text.count(header) == 1
    assert following.text.startswith((header, "Nodes and owners."))


def test_a_slice_of_a_table_comes_below_the_header_that_it_lacks_if_there_is_room() -> None:
    header = "| node | owner |\n|------|-------|"
    rows = "\n".join(f"| node-{number:03} | Alba {number} |" for number in range(4))
    (piece,) = packed([rows], max_tokens=400, header=header).pieces
    assert (piece.text, piece.start, piece.end) == (f"{header}\n{rows}", 0, len(rows))
    wide = "| " + " | ".join(f"column {number}" for number in range(60)) + " |\n" + "|---" * 60 + "|"
    (piece,) = packed([rows], max_tokens=150, header=wide).pieces
    assert piece.text == rows


@given(hits=st.integers(0, 100), following=st.integers(0, 1_000), begun=st.integers(0, 1_000))
def test_a_cursor_comes_back_as_it_was(hits: int, following: int, begun: int) -> None:
    cursor = Cursor(question="0123abcd", seen="89ef4567", hits=hits, turn=Turn(following, begun))
    assert Cursor.decoded(cursor.encoded(), question="0123abcd") == cursor


@given(text=st.text(max_size=60))
def test_anything_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ArgumentError, match="cursor"):
        Cursor.decoded(text, question="0123abcd")


@pytest.mark.parametrize(
    "row",
    ['["0123abcd","s",1e999,0,0]', '["0123abcd","s",NaN,0,0]', '["0123abcd","s",0,0,-1]', '["0123abcd","s",0,0]', "7"],
)
def test_a_cursor_that_somebody_made_up_is_refused_in_a_sentence(row: str) -> None:
    with pytest.raises(ArgumentError, match="cursor"):
        Cursor.decoded(base64.urlsafe_b64encode(row.encode()).decode(), question="0123abcd")


def test_a_cursor_of_another_question_is_refused() -> None:
    cursor = Cursor(question="0123abcd", seen="89ef4567", hits=1)
    with pytest.raises(ArgumentError, match="another question"):
        Cursor.decoded(cursor.encoded(), question="ffffffff")


@given(words=st.lists(st.text("abcé", min_size=1, max_size=9), min_size=60, max_size=90), budget=st.integers(50, 60))
def test_a_line_without_room_is_cut_between_words_and_the_answer_says_so(words: list[str], budget: int) -> None:
    text = " ".join(words)
    answer = packed([text], max_tokens=budget)
    (piece,) = answer.pieces
    assert answer.within_line == (piece.end < len(text))
    assert piece.end == len(text) or text[piece.end - 1] == " "


def test_a_line_without_blanks_is_cut_before_no_mark() -> None:
    text = "e\u0301" * 500
    (piece,) = packed([text], max_tokens=51).pieces
    assert 0 < piece.end < len(text)
    assert text[piece.end] == "e"
