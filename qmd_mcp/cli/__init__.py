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
    token_commands,
    trust_command,
)
from qmd_mcp.cli.command_session import Session, check_scheme
from qmd_mcp.cli.output import say, say_aside, say_rendered
from qmd_mcp.faults import DEBUG_OPTION, DONE, USAGE, close_output, report, word_what_no_border_catches
from qmd_mcp.log_lines import log_to_standard_error
from qmd_mcp.settings import locate_index, read_settings

app = typer.Typer(
    name="qmd-mcp",
    help="Local search for AI agents: ranked, citable passages of your own files.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # as markup, a help text would lose its brackets
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (
    index_commands,
    trust_command,
    search_commands,
    evaluation_commands,
    model_commands,
    doctor_command,
    repair_command,
    server_commands,
    token_commands,
):
    app.add_typer(part.app)


def main() -> NoReturn:
    """Run the command of this process and end it with its exit code."""
    accept_every_character()
    word_what_no_border_catches()
    log_to_standard_error()
    sys.exit(close_output(run(sys.argv[1:])))


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
    """Run one command and return its exit code; whatever goes wrong is one line on standard error."""
    try:
        ended = app(args=list(arguments), prog_name=app.info.name, standalone_mode=False)
    except typer.TyperException as error:
        return _used_wrongly(error)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException as error:  # noqa: BLE001  the outermost border
        return report(error, arguments=arguments)
    return ended if isinstance(ended, int) else DONE


def _used_wrongly(error: typer.TyperException) -> int:
    """Say what is wrong with how a command is written, or show its help if nothing is."""
    context = getattr(error, "ctx", None)
    sentence: str = getattr(error, "format_message", lambda: str(error))()
    if context is not None and sentence == context.get_help():
        say_rendered(sentence)
        return USAGE
    command = context.command_path if context is not None else app.info.name
    say_aside(f"qmd-mcp: {sentence.rstrip('.')}. See {command} --help.")
    return USAGE


def show_version(wanted: bool) -> None:  # noqa: FBT001  typer's own signature
    """Print the version and end, if `--version` is given."""
    if wanted:
        say(f"qmd-mcp {__version__}")
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
    debug: Annotated[  # noqa: ARG001  `report` looks for it among the arguments, also when they cannot be read
        bool, typer.Option(DEBUG_OPTION, help="Show the trace of an error beside its sentence.")
    ] = False,
) -> None:
    """Read the options that come before the command."""
    settings = read_settings(index=index)
    if settings.index is not None:
        check_scheme(settings.index)
    context.obj = Session(settings, locate_index(settings))
