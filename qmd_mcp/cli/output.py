"""What commands print: lines that stay on their line, text that was made for showing, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable

import typer

from qmd_mcp.presentation.quotation import shown
from qmd_mcp.visible_text import block, one_line


def say(*lines: str) -> None:
    """Print lines, each of which stays one whatever the names in it are."""
    typer.echo("\n".join(map(one_line, lines)))


def say_aside(*lines: str) -> None:
    """Print lines on standard error, beside an answer that another program may read."""
    typer.echo("\n".join(map(one_line, lines)), err=True)


def say_all(lines: Iterable[str], *, otherwise: str) -> None:
    """Print lines, or one sentence if there is none."""
    say(*(tuple(lines) or (otherwise,)))


def say_rendered(text: str) -> None:
    """Print several lines that `presentation.rendering` has made."""
    typer.echo(block(text))


def say_json(value: object, *, indent: int | None = 2) -> None:
    """Print a value as JSON; its texts are shown as in every answer."""
    typer.echo(json.dumps(shown(value), ensure_ascii=False, indent=indent))
