"""What a client's configuration has to say to start this server."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Literal, TypeAlias

Client: TypeAlias = Literal["claude", "cursor", "vscode"]

PLACES: dict[Client, str] = {
    "claude": "claude_desktop_config.json (Settings, Developer, Edit Config)",
    "cursor": "~/.cursor/mcp.json, or .cursor/mcp.json of a project",
    "vscode": ".vscode/mcp.json of a project",
}
"""The file that each client reads."""

_KEYS: dict[Client, str] = {"claude": "mcpServers", "cursor": "mcpServers", "vscode": "servers"}


def client_config(client: Client, *, index: str) -> str:
    """The configuration as JSON, with absolute paths: Claude Desktop has neither the shell's PATH nor its folder."""
    command, arguments = server_command(index=index)
    server: dict[str, object] = {"command": command, "args": arguments}
    if client == "vscode":
        server = {"type": "stdio", **server}
    return json.dumps({_KEYS[client]: {"qmd-mcp": server}}, indent=2, ensure_ascii=False)


def server_command(*, index: str) -> tuple[str, list[str]]:
    """The command that serves an index from any folder."""
    beside = Path(sys.executable).with_name("qmd-mcp")
    installed = str(beside) if beside.exists() else shutil.which("qmd-mcp")
    options = ["--index", index, "serve"]
    return (installed, options) if installed else (sys.executable, ["-m", "qmd_mcp", *options])
