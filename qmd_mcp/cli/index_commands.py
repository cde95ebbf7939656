"""Commands that decide what is indexed, and index it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qmd_mcp.cli.command_session import Session
from qmd_mcp.cli.output import say, say_all
from qmd_mcp.errors import CollectionError
from qmd_mcp.settings import PROJECT_FOLDER, IndexLocation, working_folder

if TYPE_CHECKING:  # importing these takes two seconds, for which --help must not wait
    from qmd_mcp.application.engine import Engine
    from qmd_mcp.corpus.indexing.update_summary import UpdateSummary

app = typer.Typer()
collection_app = typer.Typer(help="Folders that are indexed.", no_args_is_help=True)
context_app = typer.Typer(help="Descriptions of paths, returned with every hit below them.", no_args_is_help=True)
app.add_typer(collection_app, name="collection")
app.add_typer(context_app, name="context")

EmbedNow = Annotated[bool, typer.Option(help="Embed now, or later with `qmd-mcp embed`; vsearch needs it.")]
Within = Annotated[list[str] | None, typer.Option("--collection", "-c", help="Only these collections.")]


@app.command()
def init(context: typer.Context) -> None:
    """Make an index for this project in ./.qmd-mcp."""
    session: Session = context.obj
    folder = working_folder() / PROJECT_FOLDER
    location = session.location if session.settings.index else IndexLocation(str(folder), folder.parent, found=True)

    async def done(_: Engine) -> None: ...

    Session(session.settings, location).run(done, create=True)
    say(f"Index ready: {location.uri}", "Next: qmd-mcp collection add FOLDER --name NAME")


@collection_app.command("add")
def collection_add(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder to index.")],
    name: Annotated[str | None, typer.Option(help="Name of the collection; default: the folder's.")] = None,
    glob: Annotated[list[str] | None, typer.Option(help="Files to index, such as '**/*.{md,txt}'; repeatable.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Files to leave out, as in .gitignore; repeatable.")] = None,
    embed: EmbedNow = True,
) -> None:
    """Register a folder and index it."""
    from qmd_mcp.corpus.scanning.collection_checks import check_collection
    from qmd_mcp.corpus.scanning.default_rules import DEFAULT_GLOBS
    from qmd_mcp.domain.documents import Collection

    root = folder.expanduser().resolve()
    chosen = name or root.name
    collection = check_collection(Collection(chosen, root, tuple(glob or DEFAULT_GLOBS), tuple(ignore or ())))

    async def add(engine: Engine) -> UpdateSummary:
        from qmd_mcp.cli.terminal import watched

        await engine.writing.add_collection(collection)
        with watched() as progress:
            return await engine.writing.update(collections=[chosen], embed=embed, progress=progress)

    from qmd_mcp.cli.terminal import summary_lines

    summary = context.obj.run(add, create=True)
    counts, *skipped = summary_lines(summary)
    say(f"{chosen}: {counts}", *skipped)
    if not summary.added:
        say("No file of this folder is indexed. Choose files with --glob and --ignore.")


@collection_app.command("list")
def collection_list(context: typer.Context) -> None:
    """List the collections."""

    async def listed(engine: Engine) -> list[str]:
        lines: list[str] = []
        for collection in (await engine.collections()).values():
            lines.append(f"{collection.name}  {collection.root}")
            lines += [f"  {each.prefix or '(all)'}: {each.text}" for each in collection.contexts]
        return lines

    say_all(context.obj.run(listed), otherwise="No collection yet: qmd-mcp collection add FOLDER --name NAME")


@collection_app.command("remove")
def collection_remove(context: typer.Context, name: str) -> None:
    """Remove a folder from the index; its files stay where they are."""
    count = context.obj.run(lambda engine: engine.writing.remove_collection(name))
    say(f"{name}: {count} documents removed from the index")


@collection_app.command("rename")
def collection_rename(context: typer.Context, name: str, new_name: str) -> None:
    """Give a collection another name; nothing is embedded again."""
    context.obj.run(lambda engine: engine.writing.rename_collection(name, new_name))
    say(f"{name} is now {new_name}")


@context_app.command("add")
def context_add(
    context: typer.Context,
    place: Annotated[str, typer.Argument(metavar="COLLECTION[/PATH]")],
    text: Annotated[str, typer.Argument(help="What is to be found there.")],
) -> None:
    """Describe a collection or a path in it."""
    name, _, prefix = place.removeprefix("qmd://").strip("/").partition("/")
    context.obj.run(lambda engine: engine.writing.set_context(name, prefix, text))
    say(f"{place}: {text}")


@context_app.command("list")
def context_list(context: typer.Context) -> None:
    """List the descriptions."""

    async def listed(engine: Engine) -> list[str]:
        return [
            f"{collection.name}{'/' if each.prefix else ''}{each.prefix}: {each.text}"
            for collection in (await engine.collections()).values()
            for each in collection.contexts
        ]

    say_all(context.obj.run(listed), otherwise="No context yet: qmd-mcp context add COLLECTION[/PATH] TEXT")


@context_app.command("rm")
def context_remove(context: typer.Context, place: Annotated[str, typer.Argument(metavar="COLLECTION[/PATH]")]) -> None:
    """Remove a description."""
    name, _, prefix = place.removeprefix("qmd://").strip("/").partition("/")
    context.obj.run(lambda engine: engine.writing.set_context(name, prefix, None))
    say(f"{place}: no context any more")


@app.command()
def update(
    context: typer.Context,
    collection: Within = None,
    embed: EmbedNow = True,
    embedder: Annotated[
        str | None, typer.Option(help="Rebuild the index with this embedder; the old one answers until it is done.")
    ] = None,
) -> None:
    """Index what changed on disk."""
    session: Session = context.obj
    if embedder is not None and (collection or not embed):
        sentence = "--embedder rebuilds the whole index: leave out --collection and --no-embed"
        raise typer.BadParameter(sentence)

    async def updated(engine: Engine) -> UpdateSummary:
        from qmd_mcp.cli.terminal import watched

        with watched() as progress:
            if embedder is not None:
                return await engine.writing.rebuild(progress=progress)
            return await engine.writing.update(collections=collection or [], embed=embed, progress=progress)

    if embedder is not None:
        session = Session(session.settings.model_copy(update={"embedder": embedder}), session.location)
    from qmd_mcp.cli.terminal import summary_lines

    summary = session.run(updated, rebuild=embedder is not None)
    say(*summary_lines(summary))
    if summary.problems:
        raise CollectionError(" ".join(summary.problems))


@app.command()
def embed(context: typer.Context) -> None:
    """Fill in the vectors that `update --no-embed` left out."""

    async def embedded(engine: Engine) -> int:
        from qmd_mcp.cli.terminal import watched

        with watched() as progress:
            return await engine.writing.embed(progress=progress)

    say(f"{context.obj.run(embedded)} passages embedded")
