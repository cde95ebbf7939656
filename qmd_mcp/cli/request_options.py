"""The options of a command, made from the fields of the request that it carries out."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter
from typing import Annotated, Any

import typer

from qmd_mcp.domain.request_arguments import Kind, Offered, build, offered_by

_TYPES: Mapping[Kind, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "array": list[str]}


def parameters_of(request: type[Any]) -> list[Parameter]:
    """Return the parameters from which typer makes the options and their help."""
    return [_parameter(each) for each in offered_by(request)]


def request_from(request: type[Any], written: Mapping[str, Any]) -> Any:
    """Construct the request that was written on the command line.

    Raises:
        CallerError: a value does not fit.
    """
    joined = {each.name for each in offered_by(request) if each.argument.words == "joined"}
    return build(request, {name: " ".join(value) if name in joined else value for name, value in written.items()})


def _parameter(offered: Offered) -> Parameter:
    """One argument of the command where the request needs it, else one option."""
    argument = offered.argument
    kind = _TYPES["array" if argument.words == "joined" else offered.kind]
    if offered.required:
        written = typer.Argument(metavar=offered.name.upper(), help=f"{argument.description}.")
        return Parameter(offered.name, Parameter.KEYWORD_ONLY, annotation=Annotated[kind, written])
    option = typer.Option(
        *argument.flags.split(),
        metavar="|".join(offered.choices) or None,
        min=None if offered.kind == "array" else argument.lowest,
        max=None if offered.kind == "array" else argument.highest,
        help=f"{argument.description}.",
    )
    default = None if offered.kind == "array" else offered.default
    annotation: Any = Annotated[kind | None, option] if default is None else Annotated[kind, option]
    return Parameter(offered.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
