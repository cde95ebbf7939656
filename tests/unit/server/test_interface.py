"""What agents, people and programs have learnt to write: it changes only on purpose, together with `interface.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer.main

from qmd_mcp.application.engine_protocols import Engine
from qmd_mcp.cli import app
from qmd_mcp.server.mcp.mcp_application import Application
from qmd_mcp.server.mcp.tools import Tools

INTERFACE = json.loads(Path(__file__).with_name("interface.json").read_text(encoding="utf-8"))
COMMANDS = ("query", "search", "vsearch", "get", "multi-get", "status")


async def _closed() -> Engine:
    raise AssertionError


async def listed_tools() -> dict[str, Any]:
    """The input schema of every tool, as `tools/list` has it."""
    return {tool.name: tool.input_schema for tool in await Application(Tools(_closed)).list_tools()}


def options_of(command: str) -> list[dict[str, Any]]:
    """What a command takes, in the order of its help."""
    program = typer.main.get_command(app)
    found = program.get_command(program.make_context("qmd-mcp", [], resilient_parsing=True), command)
    return [
        {
            "names": [*parameter.opts, *parameter.secondary_opts],
            "kind": parameter.param_type_name,
            "required": parameter.required,
            "multiple": bool(getattr(parameter, "multiple", False)) or parameter.nargs == -1,
            "default": parameter.default,
        }
        for parameter in found.params
    ]


@pytest.mark.anyio
async def test_the_tools_take_what_they_took() -> None:
    tools = await listed_tools()
    assert tools == INTERFACE["tools"]
    assert list(tools) == list(INTERFACE["tools"])
    for name, schema in INTERFACE["tools"].items():
        assert list(tools[name]["properties"]) == list(schema["properties"])


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_take_what_they_took(command: str) -> None:
    assert options_of(command) == INTERFACE["commands"][command]
