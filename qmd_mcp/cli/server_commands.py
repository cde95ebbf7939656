"""The commands that serve clients, stop a server and configure clients."""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from qmd_mcp.cli.client_config import PLACES, Client, client_config
from qmd_mcp.cli.output import say, say_aside, say_rendered

app = typer.Typer()


@app.command()
def serve(
    context: typer.Context,
    refresh: Annotated[bool, typer.Option(help="Keep the index up to date while serving.")] = True,
    forward: Annotated[
        bool, typer.Option(help="Over stdio: let a running HTTP server of the same index answer.")
    ] = True,
    http: Annotated[bool, typer.Option("--http", help="Serve many clients over HTTP: MCP, SSE and REST.")] = False,
    host: Annotated[str | None, typer.Option(help="Address to bind; other than loopback, it needs QMD_TOKEN.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port to bind; 0 takes any free port.")] = None,
    daemon: Annotated[
        bool, typer.Option("--daemon", help="With --http: serve in the background until stopped.")
    ] = False,
) -> None:
    """Serve MCP: over stdio, as clients start it, or over HTTP."""
    session = context.obj
    if not http and (host is not None or port is not None or daemon):
        sentence = "--host, --port and --daemon need --http"
        raise typer.BadParameter(sentence)
    kept = "--refresh" if refresh else "--no-refresh"
    if not http:
        from qmd_mcp.server.process.daemon import program
        from qmd_mcp.server.process.stdio_process import serve_stdio

        alone = [*program(session.location), "serve", "--no-forward", kept]
        serve_stdio(session.settings, session.location, refresh=refresh, forward=forward, alone=alone)
        return
    bound = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    if daemon:
        from qmd_mcp.server.process.daemon import start

        running, new = start(session.location, [kept, *(f"--{name}={value}" for name, value in bound.items())])
        say(f"{'Serving' if new else 'Already serving'} {running.url} (process {running.pid})")
        return
    from qmd_mcp.server.process.http_process import serve_http

    serve_http(session.settings.model_copy(update=bound), session.location, refresh=refresh)


@app.command()
def stop(context: typer.Context) -> None:
    """Stop the HTTP server of this index."""
    from qmd_mcp.server.process.daemon import stop as end

    ended = end(context.obj.location, grace_seconds=context.obj.settings.grace_seconds)
    say("No server of this index is running." if ended is None else f"Stopped process {ended.pid}.")


@app.command("client-config")
def show_client_config(
    context: typer.Context, client: Annotated[str, typer.Argument(help=f"One of {', '.join(PLACES)}.")]
) -> None:
    """Print what to add to a client's configuration file, with absolute paths."""
    if client not in get_args(Client):
        sentence = f"{client!r} is not one of {', '.join(PLACES)}"
        raise typer.BadParameter(sentence)
    say_rendered(client_config(client, index=context.obj.location.uri))  # type: ignore[arg-type]  # checked above
    say_aside(f"Add this to {PLACES[client]}")  # type: ignore[index]  # checked above
