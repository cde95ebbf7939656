"""The command that decides which indexes of projects are used."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qmd_mcp.cli.command_session import Session
from qmd_mcp.cli.output import say, say_all
from qmd_mcp.errors import CollectionError, SettingsError
from qmd_mcp.index_errors import NotAnIndexError, UnsafeIndexError
from qmd_mcp.settings import PROJECT_FOLDER, IndexLocation, locate_index, working_folder
from qmd_mcp.store import index_folder, index_trust
from qmd_mcp.visible_text import one_line

if TYPE_CHECKING:  # importing these takes two seconds, for which --help must not wait
    from collections.abc import Sequence

    from qmd_mcp.application.engine import Engine
    from qmd_mcp.corpus.indexing.update_summary import UpdateSummary
    from qmd_mcp.domain.documents import Collection

app = typer.Typer()


@app.command()
def trust(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="The project; default: that of the working folder.", show_default=False)
    ] = None,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Keep what the index holds, because you made it: elsewhere, or before.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the indexes that are trusted.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Trust the project's index no longer.")] = False,
) -> None:
    """Use the index that came with a project: its collections are shown, and indexed anew from their files."""
    if listed:
        say_all((each.folder for each in index_trust.trusted()), otherwise="No index is trusted yet.")
        return
    location = _location(context.obj, folder)
    if remove:
        was = index_trust.distrust(Path(location.uri))
        say(f"{location.uri} {'is trusted no longer' if was else 'was not trusted'}.")
        return
    if not Path(location.uri).exists():
        raise NotAnIndexError(location.uri, reason="there is no such folder; run qmd-mcp init")
    index_folder.check_project(location)
    if index_trust.is_trusted(Path(location.uri)):
        say(f"{location.uri} is trusted already.")
        return
    index_trust.check_not_tracked(Path(location.uri))
    index_folder.check_not_writable(Path(location.uri))
    if as_is:
        _keep(location, yes=yes)
    else:
        _index_anew(Session(context.obj.settings, location), yes=yes)


def _location(session: Session, folder: Path | None) -> IndexLocation:
    """The index of a project, which need not be one or be there."""
    if folder is None:
        found = locate_index(session.settings.model_copy(update={"index": None}))
        project = found.project or working_folder()
    else:
        project = working_folder() / folder.expanduser()
        project = project.parent if project.name == PROJECT_FOLDER else project
    return IndexLocation(str(project / PROJECT_FOLDER), project, found=True)


def _keep(location: IndexLocation, *, yes: bool) -> None:
    _agree(f"Trust {location.uri} with everything that it holds, and show its texts to agents?", yes=yes)
    index_folder.check_folder(location.uri)
    index_trust.trust(Path(location.uri))
    say(f"{location.uri} is trusted.")


def _index_anew(session: Session, *, yes: bool) -> None:
    import anyio

    from qmd_mcp.application.trusting import begin_anew, named_collections
    from qmd_mcp.cli.terminal import summary_lines

    collections = anyio.run(named_collections, session.location)
    say(*_shown(session.location, collections))
    there = [each for each in collections if each.root.is_dir()]
    _agree("Index these files anew, and use this index from now on?", yes=yes)
    anyio.run(partial(begin_anew, session.settings, session.location, there))
    summary = session.run(_update)
    say(*summary_lines(summary))
    if summary.problems:
        raise CollectionError(" ".join(summary.problems))


async def _update(engine: Engine) -> UpdateSummary:
    from qmd_mcp.cli.terminal import watched

    with watched() as progress:
        return await engine.writing.update(progress=progress)


def _shown(location: IndexLocation, collections: Sequence[Collection]) -> list[str]:
    lines = [f"{location.uri} names {len(collections)} collections:"]
    for each in collections:
        gone = "" if each.root.is_dir() else "  (left out: there is no such folder)"
        lines.append(f"  {each.name}  {each.root}{gone}")
        lines += [f"    {pattern}" for pattern in each.globs]
        lines += [f"    not {pattern}" for pattern in each.ignores]
    return lines


def _agree(question: str, *, yes: bool) -> None:
    """Ask, unless the person has agreed beforehand.

    Raises:
        SettingsError: there is nobody to ask.
        UnsafeIndexError: the person does not agree.
    """
    if yes:
        return
    try:
        agreed = typer.confirm(one_line(question))
    except typer.Abort as error:
        sentence = "Nobody answered whether to trust the index. Run qmd-mcp trust in a terminal, or with --yes."
        raise SettingsError(sentence) from error
    if not agreed:
        sentence = "The index is not trusted, and nothing has changed."
        raise UnsafeIndexError(sentence)
