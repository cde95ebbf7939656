"""The command that measures retrieval quality."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated, get_args

import typer

from qmd_mcp.documents import Mode

app = typer.Typer()

AsJson = Annotated[bool, typer.Option("--json", help="The answer as JSON, as the MCP tool gives it.")]


@app.command("eval")
def evaluate(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder with corpus.jsonl, queries.jsonl and qrels.tsv.")],
    mode: Annotated[str, typer.Option(help="search, vsearch or query.")] = "query",
    queries: Annotated[int | None, typer.Option(min=1, help="A sample of so many queries.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure retrieval quality on a set with judgements."""
    if mode not in get_args(Mode):
        sentence = f"{mode!r} is not one of {', '.join(get_args(Mode))}"
        raise typer.BadParameter(sentence, param_hint="--mode")
    import anyio

    from qmd_mcp.cli.terminal import report_text, watched
    from qmd_mcp.engine import index_identity, open_engine
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
    typer.echo(json.dumps(report.as_json(), ensure_ascii=False) if as_json else report_text(report))
