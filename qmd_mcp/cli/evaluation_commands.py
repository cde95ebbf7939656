"""The command that measures retrieval quality."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, get_args

import typer

from qmd_mcp.cli.command_session import Session
from qmd_mcp.cli.output import say_json, say_rendered
from qmd_mcp.domain.documents import Mode

app = typer.Typer()

AsJson = Annotated[bool, typer.Option("--json", help="The report as JSON.")]


@app.command("eval")
def evaluate(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="Folder with corpus.jsonl, queries.jsonl and qrels.tsv.")
    ] = None,
    self: Annotated[bool, typer.Option("--self", help="Measure on queries made from what is indexed.")] = False,
    mode: Annotated[str, typer.Option(help="search, vsearch or query.")] = "query",
    queries: Annotated[
        int | None, typer.Option(min=1, help="How many queries; default: all, or with --self 50 of each kind.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure retrieval quality: on a set with judgements, or with --self on your own index."""
    if self == (folder is not None):
        sentence = "give a folder with judgements, or --self"
        raise typer.BadParameter(sentence, param_hint="FOLDER")
    if folder is None:
        _evaluate_self(context.obj, of_each=queries, as_json=as_json)
        return
    if mode not in get_args(Mode):
        sentence = f"{mode!r} is not one of {', '.join(get_args(Mode))}"
        raise typer.BadParameter(sentence, param_hint="--mode")
    import anyio

    from qmd_mcp.application.engine import index_identity, open_engine
    from qmd_mcp.cli.terminal import report_text, watched
    from qmd_mcp.evaluation.runner import run_evaluation

    settings = context.obj.settings
    with watched() as progress:
        measured = partial(
            run_evaluation,
            folder,
            mode=mode,  # type: ignore[arg-type]  # checked above
            settings=settings,
            open_engine=open_engine,
            identity=index_identity(settings),
            progress=progress,
            sample=queries,
        )
        report = anyio.run(measured)
    if as_json:
        say_json(report.as_json(), indent=None)
    else:
        say_rendered(report_text(report))


def _evaluate_self(session: Session, *, of_each: int | None, as_json: bool) -> None:
    import anyio

    from qmd_mcp.application.engine import open_engine
    from qmd_mcp.cli.terminal import self_report_text, watched_ways
    from qmd_mcp.evaluation.self_evaluation import OF_EACH_KIND, evaluate_self

    with watched_ways() as answered:
        report = anyio.run(
            partial(
                evaluate_self,
                session.settings,
                session.location,
                open_engine=open_engine,
                of_each=of_each or OF_EACH_KIND,
                answered=answered,
            )
        )
    if as_json:
        say_json(asdict(report), indent=None)
    else:
        say_rendered(self_report_text(report))
