"""Whatever a file, a collection or a cloned index is called, a message shows it on its line and shows all of it."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp import errors
from qmd_mcp.application.tool_calls import TOOLS
from qmd_mcp.cli.terminal import summary_text
from qmd_mcp.corpus.indexing.update_summary import UpdateSummary
from qmd_mcp.domain.answers import Stage
from qmd_mcp.domain.documents import Collection, Context
from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.presentation.disclosure import Everything, NoPaths
from qmd_mcp.presentation.guidance import guide, instructions_for
from qmd_mcp.presentation.rendering import render
from qmd_mcp.server.mcp.arguments import fit, known_tool
from qmd_mcp.server.mcp.progress import sentence_of
from qmd_mcp.server.mcp.resources import completed

HIDDEN = frozenset(
    {
        *range(0x20),
        *range(0x7F, 0xA0),
        0x061C,
        0x200E,
        0x200F,
        0x2028,
        0x2029,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),
        *range(0xE0000, 0xE0080),
    }
)
"""Controls, line ends, directional characters, halves of surrogate pairs and the invisible alphabet of tags."""

BLOCKS = {"snippet", "text"}
"""Lines of files: they have line ends of their own, between fences."""

NAMES = st.text(alphabet=st.sampled_from([*"ab /#~.:'", "知", *map(chr, sorted(HIDDEN))]), min_size=1, max_size=12)
VALUES = list(dict.fromkeys(tool.value for tool in TOOLS.values()))  # in one order, for every worker of the suite
ERRORS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.QmdError)]


hints_of = cache(typing.get_type_hints)
parameters_of = cache(lambda kind: tuple(inspect.signature(kind).parameters.values()))


def filled(kind: Any, name: str) -> Any:
    """A value of a kind in which every text is the name."""
    if dataclasses.is_dataclass(kind):
        hints = hints_of(kind)
        return kind(
            **{
                field.name: "a line\nof a file" if field.name in BLOCKS else filled(hints[field.name], name)
                for field in dataclasses.fields(kind)
            }
        )
    match typing.get_origin(kind), typing.get_args(kind):
        case None, _:
            return {str: name, int: 3, float: 0.5, bool: False}[kind]
        case typing.Literal, (*_, last):
            return last
        case origin, (first, *_) if origin in {types.UnionType, typing.Union}:
            return filled(first, name)
        case origin, (first, *_) if origin is tuple and typing.get_args(kind)[-1] is ...:
            return (filled(first, name),)
        case origin, parts if origin is tuple:
            return tuple(filled(part, name) for part in parts)
        case _, (key, value):
            return {filled(key, name): filled(value, name)}
    raise AssertionError(kind)


def failed(kind: type[errors.QmdError], name: str) -> errors.QmdError:
    """An error about something of that name."""
    if kind.__init__ is Exception.__init__:
        return kind(f"About {name}.")
    given: dict[str, Any] = {}
    for parameter in parameters_of(kind):
        if parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            given[parameter.name] = {"str": name, "int": 3, "int | None": 3}.get(parameter.annotation, [name])
    return kind(**given)


def hidden_in(text: str) -> list[str]:
    return [hex(ord(character)) for character in text if ord(character) in HIDDEN and character != "\n"]


LINES = {kind: render(filled(kind, "x")).count("\n") for kind in VALUES}
"""Ends of lines in a rendered value whose every text is one letter."""


@given(name=NAMES)
def test_no_name_leaves_its_line_in_any_answer(name: str) -> None:
    for kind in VALUES:
        text = render(filled(kind, name))
        assert not hidden_in(text), kind
        assert text.count("\n") <= LINES[kind], kind


@given(name=NAMES)
def test_no_name_leaves_its_line_in_any_error(name: str) -> None:
    for kind in ERRORS:
        for disclosure in (Everything(), NoPaths()):
            sentence = disclosure.sentence(failed(kind, name))
            assert not hidden_in(sentence), kind
            assert "\n" not in sentence, kind


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


@given(name=NAMES)
def test_no_file_leaves_its_line_in_the_summary_of_an_update(name: str) -> None:
    text = summary_text(UpdateSummary(skipped={name: 3}, examples={name: name}))
    assert not hidden_in(text)
    assert text.count("\n") == 1
