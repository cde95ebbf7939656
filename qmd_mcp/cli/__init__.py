"""The command line: one thin function for each command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from qmd_mcp import __version__
from qmd_mcp.cli import (
    doctor_command,
    evaluation_commands,
    index_commands,
    model_commands,
    repair_command,
    search_commands,
    server_commands,
)
from qmd_mcp.cli.command_session import Session
from qmd_mcp.errors import CallerError, SetupError
from qmd_mcp.presentation.quotation import one_line
from qmd_mcp.settings import locate_index, read_settings

SETUP_EXIT = 1
CALLER_EXIT = 3
"""The exit codes: 0 if it is done, 1 if the operator must change something, 2 if the command is used wrongly, and 3 if
the caller has made a mistake."""

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
    repair_command,
    server_commands,
):
    app.add_typer(part.app)


def main() -> NoReturn:
    """Run the command of this process and end it with its exit code."""
    accept_every_character()
    sys.exit(run(sys.argv[1:]))


def accept_every_character() -> None:
    """Let standard output and standard error take every character.

    On Windows, Python writes to files and pipes in the code page, which for many users is cp1252 and has no Chinese;
    agents and programs read UTF-8, so UTF-8 is written there. Elsewhere the user's own encoding is kept, and characters
    that it does not have are escaped in the way of JSON and Python.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            code_page = sys.platform == "win32" and not stream.isatty()
            stream.reconfigure(encoding="utf-8" if code_page else None, errors="backslashreplace")


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; a mistake of the caller or the operator is one line on stderr."""
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
    """Print the version and end, if `--version` is given."""
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
    version: Annotated[  # noqa: ARG001  its callback prints the version
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Read the options that come before the command."""
    settings = read_settings(index=index)
    context.obj = Session(settings, locate_index(settings))
