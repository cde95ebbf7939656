"""The commands: thin, one function each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from qmd_mcp import __version__
from qmd_mcp.cli import (
    doctor_command,
    evaluation_commands,
    index_commands,
    model_commands,
    search_commands,
    server_commands,
)
from qmd_mcp.cli.command_session import Session
from qmd_mcp.errors import CallerError, SetupError
from qmd_mcp.presentation.quotation import one_line
from qmd_mcp.settings import locate_index, read_settings

SETUP_EXIT = 1
CALLER_EXIT = 3
"""Exit codes: 0 done, 1 setup, 2 usage, 3 the caller's mistake."""

app = typer.Typer(
    name="qmd-mcp",
    help="Local search for AI agents: ranked, citable passages of your own files.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (
    index_commands,
    search_commands,
    evaluation_commands,
    model_commands,
    doctor_command,
    server_commands,
):
    app.add_typer(part.app)


def main() -> NoReturn:
    """Run the command of this process and end it with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. What goes wrong by somebody's doing is one line on stderr."""
    try:
        app(args=list(arguments))
    except CallerError as error:
        typer.echo(one_line(f"qmd-mcp: {error}"), err=True)
        return CALLER_EXIT
    except SetupError as error:
        typer.echo(one_line(f"qmd-mcp: {error}"), err=True)
        return SETUP_EXIT
    except SystemExit as ended:  # how typer ends every command
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def show_version(wanted: bool) -> None:  # noqa: FBT001  typer's own signature
    """Answer `--version` and end."""
    if wanted:
        typer.echo(f"qmd-mcp {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    index: Annotated[
        str | None,
        typer.Option(metavar="URI", help="Folder or URI of the index; default: ./.qmd-mcp, else the user's."),
    ] = None,
    version: Annotated[  # noqa: ARG001  its callback has answered
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that stand before the command."""
    settings = read_settings(index=index)
    context.obj = Session(settings, locate_index(settings, start=Path.cwd()))
