"""Writing the tables of the documentation that are made from the code: the settings and the tools' arguments."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import Tool
from pydantic.fields import FieldInfo

from qmd_mcp.application.tool_calls import TOOLS
from qmd_mcp.domain.request_arguments import offered_by
from qmd_mcp.settings import Settings

DOCS = Path(__file__).parent


async def offered_tools() -> list[Tool]:
    """The tools as a client of the real server sees them; an index need not exist."""
    server = StdioServerParameters(command=sys.executable, args=["-m", "qmd_mcp", "serve", "--no-forward"])
    with anyio.fail_after(60):
        async with Client(stdio_client(server)) as client:
            return (await client.list_tools()).tools


def settings_table() -> str:
    """Every field of `Settings`, in its order."""
    rows = [
        (f"`{name}`", _shown_default(field.default), _values(field), _sentence(field.description))
        for name, field in Settings.model_fields.items()
    ]
    return _table(("setting", "default", "values", "what it decides"), rows)


def arguments_tables(tools: Sequence[Tool]) -> str:
    """A table of arguments for each tool, as its schema has them."""
    parts = [f"### `{tool.name}`\n\n{tool.description}\n\n{_arguments(tool)}" for tool in tools]
    return "\n\n".join(parts)


def between_markers(page: str, name: str, made: str) -> str:
    """The page with what was made in place of what stands between the markers of that name."""
    begin, end = f"<!-- begin generated: {name} -->", f"<!-- end generated: {name} -->"
    before, rest = page.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n\n{made}\n\n{end}{after}"


def pages(tools: Sequence[Tool]) -> Mapping[Path, str]:
    """Every page with a generated part, as it should be."""
    parts = (("configuration.md", "settings", settings_table()), ("tools.md", "arguments", arguments_tables(tools)))
    return {
        DOCS / file: between_markers((DOCS / file).read_text(encoding="utf-8"), name, made)
        for file, name, made in parts
    }


def _arguments(tool: Tool) -> str:
    """The arguments as the schema has them, also with the descriptions that it leaves out to be short."""
    described = {each.name: each.argument.description for each in offered_by(TOOLS[tool.name].request)}
    rows = list(_rows(tool.input_schema, prefix="", described=described))
    if not rows:
        return "It takes no arguments."
    return _table(("argument", "type", "default", "what it is"), rows)


def _rows(schema: Mapping[str, Any], *, prefix: str, described: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        if "properties" in field:
            yield f"`{prefix}{name}`", "object", "", _sentence(field.get("description", "The arguments below."))
            yield from _rows(field, prefix=f"{prefix}{name}.", described=described)
            continue
        first = next(iter(field.get("enum", ())), None)
        default = "required" if name in required else _shown_default(field.get("default", first))
        yield f"`{prefix}{name}`", _kind(field), default, _sentence(described[name])


def _kind(field: Mapping[str, Any]) -> str:
    kind = {"integer": "whole number", "array": "list of texts", "string": "text", "boolean": "true or false"}
    name = kind.get(field["type"], field["type"])
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    lowest, highest = field.get("minimum", field.get("minItems")), field.get("maximum", field.get("maxItems"))
    unit = " items" if field["type"] == "array" else ""
    if lowest is not None and highest is not None:
        return f"{name}, {lowest} to {highest}{unit}"
    if lowest is not None:
        return f"{name}, {lowest} or more{unit}"
    return f"{name}, at most {highest}{unit}" if highest is not None else name


def _values(field: FieldInfo) -> str:
    """The choices of a setting, or its bounds."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(field.annotation))
    if field.annotation is bool:
        return "`true`, `false`"
    bounds = {
        name: getattr(each, name) for each in field.metadata for name in ("ge", "gt", "le") if hasattr(each, name)
    }
    if "gt" in bounds:
        return f"above {bounds['gt']}"
    if "le" in bounds:
        return f"{bounds['ge']} to {bounds['le']}"
    return f"{bounds['ge']} or more" if "ge" in bounds else ""


def _shown_default(value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _sentence(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |").replace("|  |", "| |") for row in lines)


def main() -> None:
    """Write every page anew."""
    for path, text in pages(anyio.run(offered_tools)).items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
