"""What the documentation says is so."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import anyio
import pytest
import typer.main
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from qmd_mcp.cli import app
from qmd_mcp.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table_below(heading: str) -> list[list[str]]:
    """The cells of the first table of a section."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@pytest.mark.anyio
async def test_the_example_configuration_starts_the_server_with_the_tools_of_the_table(tmp_path: Path) -> None:
    configured = json.loads((ROOT / "mcp.json.example").read_text())["mcpServers"]["qmd-mcp"]
    assert configured == json.loads(README.split("```json\n", 1)[1].split("```", 1)[0])["mcpServers"]["qmd-mcp"]
    parameters = StdioServerParameters(
        command=configured["command"],
        args=configured["args"],
        env={"PATH": f"{Path(typer.__file__).parents[4] / 'bin'}", "QMD_INDEX": str(tmp_path / "index")},
    )
    with anyio.fail_after(30):
        async with Client(stdio_client(parameters)) as client:
            offered = {tool.name for tool in (await client.list_tools()).tools}
    assert {row[0].strip("`") for row in table_below("Tools")} == offered


def test_the_settings_table_is_that_of_the_settings() -> None:
    documented = {row[0].strip("`"): (row[1].strip("`"), row[2]) for row in table_below("Settings")}
    actual = {
        name: ("" if field.default is None else str(field.default), field.description)
        for name, field in Settings.model_fields.items()
    }
    assert documented == actual


def test_every_command_of_the_readme_exists() -> None:
    known = typer.main.get_command(app)
    for line in re.findall(r"^qmd-mcp [^\n]+|`qmd-mcp [^`]+`", README, flags=re.MULTILINE):
        words = [word for word in shlex.split(line.strip("`"), comments=True)[1:] if not word.startswith("-")]
        for name in words[0].split("|"):
            command = known.get_command(known.make_context("qmd-mcp", [], resilient_parsing=True), name)
            assert command is not None, line
            if hasattr(command, "commands"):
                assert words[1] in command.commands, line


def test_every_path_of_the_readme_exists() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
