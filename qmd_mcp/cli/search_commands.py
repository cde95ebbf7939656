"""Commands that search and read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from qmd_mcp.cli.command_session import Session
from qmd_mcp.domain.documents import Mode
from qmd_mcp.domain.requests import CANDIDATE_LIMIT, QueryRequest, SearchRequest, sub_queries

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
    request = SearchRequest(" ".join(query), tuple(collection or ()), limit, min_score)
    _answer(context.obj, "search", request, as_json=as_json)


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
    request = SearchRequest(" ".join(query), tuple(collection or ()), limit, min_score)
    _answer(context.obj, "vsearch", request, as_json=as_json)


@app.command()
def query(
    context: typer.Context,
    query: Words,
    limit: Limit = 10,
    collection: Within = None,
    intent: Annotated[str | None, typer.Option(help="What you are after, if the query does not say it.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Pack whole passages into so many tokens.")] = None,
    min_relevance: Annotated[float | None, typer.Option(help="Leave out hits less likely to be relevant.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the last answer ended.")] = None,
    expand: Annotated[bool, typer.Option(help="Let a language model write sub-queries.")] = True,
    rerank: Annotated[bool, typer.Option(help="Let a cross-encoder read the candidates.")] = True,
    candidate_limit: Annotated[int, typer.Option(help="Passages to rerank.")] = CANDIDATE_LIMIT,
    timeout_ms: Annotated[int | None, typer.Option(help="Leave out stages to keep within it.")] = None,
    sub_query: Annotated[
        list[str] | None, typer.Option("--search", "-s", help="Your own 'lex: …', 'vec: …' or 'hyde: …' line.")
    ] = None,
    explain: Annotated[bool, typer.Option(help="Show what moved each hit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find passages by words and meaning together."""
    request = QueryRequest(
        " ".join(query),
        tuple(collection or ()),
        limit,
        intent=intent,
        max_tokens=max_tokens,
        min_relevance=min_relevance,
        cursor=cursor,
        expand=expand,
        rerank=rerank,
        candidate_limit=candidate_limit,
        timeout_ms=timeout_ms,
        searches=sub_queries(sub_query or ()),
        explain=explain,
    )
    _answer(context.obj, "query", request, as_json=as_json)


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
    from qmd_mcp.presentation.rendering import render_excerpt

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
    from qmd_mcp.presentation.rendering import render_excerpts

    excerpts = context.obj.run(
        lambda engine: engine.reading.get_many(
            documents, max_lines=max_lines, max_bytes=max_bytes, line_numbers=line_numbers
        )
    )
    _show(excerpts, render_excerpts, as_json=as_json)


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what is indexed, and by which models."""
    from qmd_mcp.presentation.rendering import render_status

    _show(context.obj.run(lambda engine: engine.status()), render_status, as_json=as_json)


def _answer(session: Session, mode: Mode, request: SearchRequest, *, as_json: bool) -> None:
    from qmd_mcp.presentation.rendering import render_answer

    answer = session.run(lambda engine: getattr(engine.searching, mode)(request))
    _show(answer, render_answer, as_json=as_json)


def _show(value: Any, render: Callable[[Any], str], *, as_json: bool) -> None:
    from qmd_mcp.presentation.json_encoding import as_json as encoded

    typer.echo(json.dumps(encoded(value), ensure_ascii=False, indent=2) if as_json else render(value))
