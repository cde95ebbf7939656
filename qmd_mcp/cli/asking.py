"""Commands that search and read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from qmd_mcp.cli.session import Session
from qmd_mcp.documents import Mode

app = typer.Typer()

Words = Annotated[list[str], typer.Argument(metavar="QUERY", help='Words, "phrases", -not (after --), path: title:')]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="Hits at most.")]
Within = Annotated[list[str] | None, typer.Option("--collection", "-c", help="Only these collections.")]
MinScore = Annotated[float | None, typer.Option(help="Leave out hits below this score.")]
AsJson = Annotated[bool, typer.Option("--json", help="The answer as JSON, as the MCP tool gives it.")]
MaxLines = Annotated[int | None, typer.Option(min=1, help="Lines at most.")]
LineNumbers = Annotated[bool, typer.Option(help="Show line numbers.")]


@app.command()
def search(
    context: typer.Context,
    query: Words,
    limit: Limit = 10,
    collection: Within = None,
    min_score: MinScore = None,
    as_json: AsJson = False,
) -> None:
    """Find passages by exact words (BM25)."""
    _ask(context.obj, "search", query, limit=limit, collections=collection, min_score=min_score, as_json=as_json)


@app.command()
def vsearch(
    context: typer.Context,
    query: Words,
    limit: Limit = 10,
    collection: Within = None,
    min_score: MinScore = None,
    as_json: AsJson = False,
) -> None:
    """Find passages by meaning (embeddings)."""
    _ask(context.obj, "vsearch", query, limit=limit, collections=collection, min_score=min_score, as_json=as_json)


@app.command()
def query(
    context: typer.Context, query: Words, limit: Limit = 10, collection: Within = None, as_json: AsJson = False
) -> None:
    """Find passages by words and meaning together."""
    _ask(context.obj, "query", query, limit=limit, collections=collection, min_score=None, as_json=as_json)


@app.command()
def get(
    context: typer.Context,
    document: Annotated[
        str, typer.Argument(help="docid, collection/path, qmd:// URI or path; :from:count may follow.")
    ],
    from_line: Annotated[int | None, typer.Option("--from", min=1, help="First line.")] = None,
    max_lines: MaxLines = None,
    line_numbers: LineNumbers = True,
    as_json: AsJson = False,
) -> None:
    """Read a document, or lines of it."""
    from qmd_mcp.server.render import render_excerpt

    excerpt = context.obj.run(
        lambda engine: engine.reading.get(document, from_line=from_line, max_lines=max_lines, line_numbers=line_numbers)
    )
    _show(excerpt, render_excerpt, as_json=as_json)


@app.command("multi-get")
def multi_get(
    context: typer.Context,
    documents: Annotated[list[str], typer.Argument(help="References as for get, or globs such as 'notes/**/*.md'.")],
    max_lines: MaxLines = None,
    max_bytes: Annotated[int, typer.Option(min=1, help="Longer files are skipped.")] = 65_536,
    line_numbers: LineNumbers = True,
    as_json: AsJson = False,
) -> None:
    """Read several documents."""
    from qmd_mcp.server.render import render_excerpts

    excerpts = context.obj.run(
        lambda engine: engine.reading.get_many(
            documents, max_lines=max_lines, max_bytes=max_bytes, line_numbers=line_numbers
        )
    )
    _show(excerpts, render_excerpts, as_json=as_json)


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what is indexed, and by which models."""
    from qmd_mcp.server.render import render_status

    _show(context.obj.run(lambda engine: engine.status()), render_status, as_json=as_json)


def _ask(
    session: Session,
    mode: Mode,
    words: list[str],
    *,
    limit: int,
    collections: list[str] | None,
    min_score: float | None,
    as_json: bool,
) -> None:
    from qmd_mcp.retrieval.request import SearchRequest
    from qmd_mcp.server.render import render_answer

    request = SearchRequest(" ".join(words), tuple(collections or ()), limit, min_score)
    answer = session.run(lambda engine: getattr(engine.searching, mode)(request))
    _show(answer, render_answer, as_json=as_json)


def _show(value: Any, render: Callable[[Any], str], *, as_json: bool) -> None:
    from qmd_mcp.server.encoding import as_json as encoded

    typer.echo(json.dumps(encoded(value), ensure_ascii=False, indent=2) if as_json else render(value))
