"""Whatever a file, a collection or a cloned index is called, a message shows it on its line and shows all of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmd_mcp import errors, index_errors
from qmd_mcp.application.tool_calls import TOOLS
from qmd_mcp.domain.answers import Stage
from qmd_mcp.domain.documents import Collection, Context
from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.presentation.disclosure import Everything, NoPaths
from qmd_mcp.presentation.guidance import guide, instructions_for
from qmd_mcp.presentation.json_encoding import as_json
from qmd_mcp.presentation.rendering import render
from qmd_mcp.server.mcp.arguments import fit, known_tool
from qmd_mcp.server.mcp.progress import sentence_of
from qmd_mcp.server.mcp.resources import completed
from tests.hostile_names import HIDDEN, LINE_OF_A_FILE, filled, hidden_in, strings_of

NAMES = st.text(alphabet=st.sampled_from([*"ab /#~.:'", "知", *map(chr, sorted(HIDDEN))]), min_size=1, max_size=24)
SOME = settings(max_examples=30)
"""Examples of names: each is put into hundreds of messages, and has a dozen characters that must not leave."""
VALUES = list(dict.fromkeys(tool.value for tool in TOOLS.values()))  # in one order, for every worker of the suite
ERRORS = [
    each
    for each in {**vars(errors), **vars(index_errors)}.values()
    if isinstance(each, type) and issubclass(each, errors.QmdError)
]


def failed(kind: type[errors.QmdError], name: str) -> errors.QmdError:
    """An error about something of that name."""
    kinds = {"str": name, "int": 3, "int | None": 3}
    return kind(**{parameter: kinds.get(annotation, [name]) for parameter, annotation in taken_by(kind)})


@cache
def taken_by(kind: type[errors.QmdError]) -> list[tuple[str, str]]:
    return [(each.name, each.annotation) for each in inspect.signature(kind).parameters.values()]


LINES = {kind: render(filled(kind, "x")).count("\n") for kind in VALUES}
"""Ends of lines in a rendered value whose every text is one letter."""


@SOME
@given(name=NAMES)
def test_no_name_leaves_its_line_in_any_answer(name: str) -> None:
    for kind in VALUES:
        value = filled(kind, name)
        text = render(value)
        assert not hidden_in(text), kind
        assert text.count("\n") <= LINES[kind], kind
        encoded = as_json(value)
        assert not any(map(hidden_in, strings_of(encoded))), kind
        assert [text for text in strings_of(encoded) if "\n" in text] == [LINE_OF_A_FILE] * text.count(LINE_OF_A_FILE)


@SOME
@given(name=NAMES)
def test_no_name_leaves_its_line_in_any_error(name: str) -> None:
    for kind in ERRORS:
        for disclosure in (Everything(), NoPaths()):
            sentence = disclosure.sentence(failed(kind, name))
            assert not hidden_in(sentence), kind
            assert "\n" not in sentence, kind


@SOME
@given(name=NAMES)
def test_no_name_leaves_its_line_in_what_an_agent_is_told_beforehand(name: str) -> None:
    collections = {name: Collection(name, Path("/x"), ("*",), contexts=(Context("", name),))}
    for text in (
        instructions_for(filled(IndexStatus, name), collections, contexts="with"),
        guide(name).removeprefix(guide()).strip("\n"),
        sentence_of(Stage(name, ran=False, reason=name)),
        *completed("", (f"notes/{name}", f"{name}/a.md")).values,
    ):
        assert not hidden_in(text)
        assert "\n" not in text


@SOME
@given(name=NAMES)
def test_no_wrong_name_leaves_its_line_in_the_sentence_that_corrects_it(name: str) -> None:
    for sentence in refusals(name):
        assert not hidden_in(sentence)
        assert "\n" not in sentence


def refusals(name: str) -> Iterator[str]:
    from qmd_mcp.domain.request_arguments import offered_by
    from qmd_mcp.domain.requests import QueryRequest

    for arguments in ({name: 1, "query": "x"}, {"query": "x", "limit": name}, {"query": "x", "options": {name: name}}):
        with pytest.raises(errors.ArgumentError) as raised:
            fit("query", arguments, offered_by(QueryRequest))
        yield str(raised.value)
    with pytest.raises(errors.ArgumentError) as raised:
        known_tool(name, TOOLS)
    yield str(raised.value)
