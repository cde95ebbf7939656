"""Commands that ask what the tools ask: searching, reading, and the state of the index."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer

from qmd_mcp.application.tool_calls import TOOLS, Tool
from qmd_mcp.cli.output import say_json, say_rendered
from qmd_mcp.cli.request_options import parameters_of, request_from

app = typer.Typer()

_COMMANDS = (
    ("search", "search", "Find passages by exact words (BM25)."),
    ("vsearch", "vsearch", "Find passages by meaning (embeddings)."),
    ("query", "query", "Find passages by words and meaning together."),
    ("get", "get_document", "Read a document, or lines of it."),
    ("multi-get", "get_documents", "Read several documents."),
    ("status", "status", "Show what is indexed, and by which models."),
)
"""The name of each command, the tool that it asks, and its help."""

_JSON = Annotated[bool, typer.Option("--json", help="The answer as JSON, as REST gives it.")]


def _asking(tool: Tool) -> Callable[..., None]:
    """Make the command of a tool. Typer reads its options from the signature."""

    def command(context: typer.Context, *, as_json: bool, **written: Any) -> None:
        from qmd_mcp.presentation.json_encoding import as_json as encoded
        from qmd_mcp.presentation.rendering import render

        request = request_from(tool.request, written)
        value = context.obj.run(lambda engine: tool.ask(engine, request, None))
        if as_json:
            say_json(encoded(value))
        else:
            say_rendered(render(value))

    parameters = [
        Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *parameters_of(tool.request),
        Parameter("as_json", Parameter.KEYWORD_ONLY, default=False, annotation=_JSON),
    ]
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # inspect reads it from any function
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


for _name, _tool, _help in _COMMANDS:
    app.command(_name, help=_help)(_asking(TOOLS[_tool]))
