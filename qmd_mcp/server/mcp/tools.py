"""The tools of one server: listed for clients, called with checked arguments, answered as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mcp_types import CallToolResult, TextContent, ToolAnnotations
from mcp_types import Tool as ListedTool

from qmd_mcp.application.engine_protocols import EngineSource
from qmd_mcp.application.tool_calls import TOOLS, Value, Watch
from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.domain.request_arguments import build, offered_by
from qmd_mcp.presentation.disclosure import Disclosure, Everything
from qmd_mcp.presentation.json_encoding import as_json, json_schema
from qmd_mcp.presentation.rendering import render
from qmd_mcp.server.mcp.arguments import fit, known_tool
from qmd_mcp.server.mcp.tool_schema import input_schema

_READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools over one engine, and how much a client sees of their answers."""

    engine: EngineSource
    disclosure: Disclosure = field(default_factory=Everything)
    structured: Literal["never", "always"] = "never"
    """Whether results carry JSON beside the text. Clients that receive both hand the model the JSON and drop the text,
    and with it the verdict, the quotation marks and the sentence that what is quoted are no instructions."""

    def listed(self) -> list[ListedTool]:
        """Describe every tool for `tools/list`."""
        return [
            ListedTool(
                name=tool.name,
                title=tool.title,
                description=tool.description,
                input_schema=input_schema(tool.request),
                output_schema=json_schema(tool.value) if self.structured == "always" else None,
                annotations=_READ_ONLY,
            )
            for tool in TOOLS.values()
        ]

    async def call(self, name: str, arguments: Mapping[str, object], watch: Watch | None = None) -> Value:
        """Call a tool, in the engine's values.

        Raises:
            QmdError: what the caller or the operator must change.
        """
        tool = known_tool(name, TOOLS)
        request = build(tool.request, fit(name, arguments, offered_by(tool.request)))
        value = await tool.ask(await self.engine(), request, watch)
        return self.disclosure.status(value) if isinstance(value, IndexStatus) else value

    def result(self, value: Value) -> CallToolResult:
        """Word a value for an agent."""
        text = TextContent(type="text", text=render(value))
        return CallToolResult(
            content=[text], structured_content=as_json(value) if self.structured == "always" else None
        )
