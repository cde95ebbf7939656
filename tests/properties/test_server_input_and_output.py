"""What holds for whatever clients send and files contain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.domain.answers import Answer
from qmd_mcp.domain.request_arguments import offered_by
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.errors import ArgumentError
from qmd_mcp.presentation.rendering import render_answer
from qmd_mcp.server.mcp.arguments import fit
from qmd_mcp.visible_text import one_line
from tests.fakes import HIT

QUERY = offered_by(QueryRequest)

NAMES = st.sampled_from(["query", "limit", "min_relevance", "expand", "searches", "collections", "options"])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FENCED = st.text(alphabet="~23\n\r\u2028\U000e0041 a", max_size=60)


@given(st.dictionaries(NAMES | st.text(max_size=5), JSON, max_size=4))
def test_arguments_fit_or_are_refused_in_one_line(arguments: dict[str, Any]) -> None:
    refusal = ""
    fitting: dict[str, Any] = {"query": ""}
    try:
        fitting = fit("query", arguments, QUERY)
    except ArgumentError as error:
        refusal = str(error)
    assert len(refusal.splitlines()) <= 1
    assert isinstance(fitting["query"], str)
    assert fitting.get("limit", 1) in range(1, 101)
    assert type(fitting.get("limit", 1)) is int
    assert all(isinstance(name, str) for name in fitting.get("collections", []))


@given(st.dictionaries(NAMES, JSON, max_size=4).map(lambda rest: {**rest, "query": "x"}))
def test_what_fits_fits_again_unchanged(arguments: dict[str, Any]) -> None:
    try:
        fitting = fit("query", arguments, QUERY)
    except ArgumentError:
        return
    assert fit("query", fitting, QUERY) == fitting


@given(st.lists(FENCED, min_size=1, max_size=3))
def test_every_snippet_stands_between_two_fences_of_its_own(snippets: list[str]) -> None:
    text = render_answer(Answer(query="x", hits=tuple(replace(HIT, snippet=snippet) for snippet in snippets)))
    fence = text.split("stands between ", 1)[1].split(" lines", 1)[0]
    assert text.split("\n").count(fence) == 2 * len(snippets)
    assert text.count(fence) == 2 * len(snippets) + 1


@given(st.text())
def test_a_title_stays_on_its_line_and_shows_no_control_character(title: str) -> None:
    shown = one_line(title)
    assert len(shown.splitlines()) <= 1
    assert not any(character < " " or "\x7f" <= character < "\xa0" for character in shown)
