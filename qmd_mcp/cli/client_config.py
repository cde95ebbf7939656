"""The configuration that lets an MCP client start this server, or connect to one over HTTP."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Literal, TypeAlias

from qmd_mcp.visible_text import block

Client: TypeAlias = Literal["claude", "cursor", "vscode"]

PLACES: dict[Client, str] = {
    "claude": "claude_desktop_config.json (Settings, Developer, Edit Config)",
    "cursor": "~/.cursor/mcp.json, or .cursor/mcp.json of a project",
    "vscode": ".vscode/mcp.json of a project",
}
"""The configuration file that each client reads."""

HTTP_PLACES: dict[Client, str] = {**PLACES, "claude": ".mcp.json of a project, for Claude Code"}
"""The same for a server over HTTP, to which Claude Desktop's file cannot connect; it can start one that passes on."""

_KEYS: dict[Client, str] = {"claude": "mcpServers", "cursor": "mcpServers", "vscode": "servers"}


def client_config(client: Client, *, index: str) -> str:
    """Return the configuration as JSON.

    Its paths are absolute, because Claude Desktop has neither the PATH of the shell nor its working folder.
    """
    command, arguments = server_command(index=index)
    server: dict[str, object] = {"command": command, "args": arguments}
    if client == "vscode":
        server = {"type": "stdio", **server}
    return _under_its_key(client, server)


def http_client_config(client: Client, *, url: str, token: str | None) -> str:
    """Return as JSON the configuration for a server over HTTP, with its token."""
    server: dict[str, object] = {"url": f"{url}/mcp"}
    if client != "cursor":
        server = {"type": "http", **server}
    if token is not None:
        server["headers"] = {"Authorization": f"Bearer {token}"}
    return _under_its_key(client, server)


def server_command(*, index: str) -> tuple[str, list[str]]:
    """Return the command and the arguments that serve an index from any working folder."""
    beside = shutil.which("qmd-mcp", path=str(Path(sys.executable).parent))  # which also finds qmd-mcp.exe on Windows
    installed = beside or shutil.which("qmd-mcp")
    options = ["--index", index, "serve"]
    return (installed, options) if installed else (sys.executable, ["-m", "qmd_mcp", *options])


def _under_its_key(client: Client, server: dict[str, object]) -> str:
    configuration = {_KEYS[client]: {"qmd-mcp": server}}
    text = json.dumps(configuration, indent=2, ensure_ascii=False)
    # What would not be shown is escaped: the path is then exact and visible.
    return text if block(text) == text else json.dumps(configuration, indent=2)
