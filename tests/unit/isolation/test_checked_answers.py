"""Answers of a reader process that a file has taken over."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.corpus.isolation.checked_answers import cut_file, is_text, lines
from qmd_mcp.corpus.isolation.reading_work import CutFile, CutPassage, FileBytes
from qmd_mcp.corpus.isolation.wire_format import Request, encoded, receive, receive_request, send, send_request
from qmd_mcp.corpus.library.excerpt import LinesAsked
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.properties import Properties

FILE = FileBytes("a.md", b"# One\n\ntext\n")
PASSAGE = CutPassage(("One",), "One", "text", 3, 3, 7, 11, "", ((0, ("One",)),))
ANSWER = CutFile("One", Properties(("a",), ("t",), "k: v", 5), (PASSAGE,))


def forged(**changed: Any) -> bytes:
    passage = list(PASSAGE._replace(**changed))
    return json.dumps({"cut": ["One", [[], [], "", None], [passage]]}).encode()


def test_an_answer_comes_back_equal() -> None:
    assert cut_file(encoded(ANSWER), FILE) == ANSWER
    assert cut_file(encoded(Skip("a.md", "binary")), FILE) == Skip("a.md", "binary")


@pytest.mark.parametrize(
    "changed",
    [
        {"start_line": 0},
        {"end_line": 2},
        {"end_line": 2**40},
        {"start_char": -1, "end_char": 3},
        {"end_char": 12},
        {"start_char": 2**70, "end_char": 2**70 + 4},
        {"text": None},
        {"text": ["text"]},
        {"heading": "One"},
        {"sections": ((0, "One"),)},
        {"sections": (("x", ("One",)),)},
        {"breadcrumb": "\ud800"},
    ],
)
def test_a_passage_that_no_file_of_this_size_has_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  pydantic's error and our own are such errors
        cut_file(forged(**changed), FILE)
    assert isinstance(cut_file(forged(), FILE), CutFile)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"skip": "because"}',
        b'{"is_text": true}',
        b'{"lines": []}',
        b'{"cut": ["One", [[], [], "", 9999999999999999999999], []]}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_anything_else_is_refused(answer: bytes) -> None:
    for check in (cut_file, lines) if answer != b'{"is_text": true}' else (cut_file,):
        with pytest.raises(ValueError):  # noqa: PT011  as above
            check(answer, FILE)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_a_refusal(answer: bytes) -> None:
    for check in (cut_file, lines, is_text):
        try:
            check(answer, FILE)
        except ValueError:
            continue


def test_a_message_that_is_longer_than_allowed_is_not_read() -> None:
    stream = io.BytesIO()
    send(stream, b"x" * 100)
    stream.seek(0)
    with pytest.raises(OverflowError):
        receive(stream, most=99)
    stream.seek(0)
    assert receive(stream, most=100) == b"x" * 100
    with pytest.raises(EOFError):
        receive(stream)


@given(
    st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=50)), max_size=5),
    st.sampled_from([None, LinesAsked(2, 3, line_numbers=True)]),
)
def test_a_request_comes_back_equal(files: list[tuple[str, bytes]], asked: LinesAsked | None) -> None:
    request = Request("lines", [FileBytes(*file) for file in files], asked, most_seconds=0.5)
    stream = io.BytesIO()
    send_request(stream, request)
    stream.seek(0)
    assert receive_request(stream) == request
