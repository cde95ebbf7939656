"""The reference of the tools in Markdown, made from what they are made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qmd_mcp.application.tool_calls import TOOLS
from qmd_mcp.domain.request_arguments import Offered, offered_by
from qmd_mcp.server.mcp.arguments import OPTIONS, wanted

_HEAD = "| argument | takes | default | what it decides | command line |\n|---|---|---|---|---|"


def tool_reference() -> str:
    """Describe every tool: a heading, its description, and a table of its arguments."""
    return "\n".join(_paragraphs())


def argument_table(request: type[Any]) -> str:
    """Describe the arguments of a request, a row each; those in `options` are written with its name before them."""
    return "\n".join((_HEAD, *map(_row, offered_by(request))))


def _paragraphs() -> Iterator[str]:
    for tool in TOOLS.values():
        yield f"### `{tool.name}`\n\n{tool.description}\n"
        yield f"{argument_table(tool.request)}\n" if offered_by(tool.request) else "It takes no arguments.\n"


def _row(offered: Offered) -> str:
    name = offered.name if offered.argument.place == "top" else f"{OPTIONS}.{offered.name}"
    default = "required" if offered.required else _default(offered.default)
    flags = ", ".join(f"`{flag}`" for flag in offered.flags) or f"`{offered.name.upper()}`"
    cells = (f"`{name}`", wanted(offered), default, f"{offered.argument.description}.", flags)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(value: object) -> str:
    """A default as JSON has it; nothing where leaving the argument out decides nothing."""
    if value is None or value == ():
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
