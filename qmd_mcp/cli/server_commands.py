"""The commands that serve clients, stop a server and configure clients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from qmd_mcp.cli.client_config import HTTP_PLACES, PLACES, Client, client_config, http_client_config
from qmd_mcp.cli.output import say, say_aside, say_rendered
from qmd_mcp.settings import tell

app = typer.Typer()


@app.command()
def serve(
    context: typer.Context,
    refresh: Annotated[bool, typer.Option(help="Keep the index up to date while serving.")] = True,
    forward: Annotated[
        bool, typer.Option(help="Over stdio: let a running HTTP server of the same index answer.")
    ] = True,
    http: Annotated[bool, typer.Option("--http", help="Serve many clients over HTTP: MCP, SSE and REST.")] = False,
    host: Annotated[str | None, typer.Option(help="Address to bind; other than loopback, it needs a token.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port to bind; 0 takes any free port.")] = None,
    socket: Annotated[
        Path | None, typer.Option(help="Unix socket to listen on in place of an address; other users cannot connect.")
    ] = None,
    daemon: Annotated[
        bool, typer.Option("--daemon", help="With --http: serve in the background until stopped.")
    ] = False,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="With --http: let everybody on this machine ask, without a token.")
    ] = False,
) -> None:
    """Serve MCP: over stdio, as clients start it, or over HTTP."""
    session = context.obj
    given = (("host", host), ("port", port), ("socket", socket))
    bound: dict[str, Any] = {name: value for name, value in given if value is not None}
    if not http and (bound or daemon or no_token):
        sentence = "--host, --port, --socket, --daemon and --no-token need --http"
        raise typer.BadParameter(sentence)
    kept = "--refresh" if refresh else "--no-refresh"
    from qmd_mcp.store.index_trust import check_trust, may_be_opened

    if not http:
        from qmd_mcp.server.process.daemon import program
        from qmd_mcp.server.process.stdio_process import serve_stdio

        forward = forward and may_be_opened(session.location)  # otherwise every tool says why it is not
        alone = [*program(session.location), "serve", "--no-forward", kept]
        serve_stdio(session.settings, session.location, refresh=refresh, forward=forward, alone=alone)
        return
    check_trust(session.location)
    if socket is not None:
        bound["socket"] = socket.absolute()
    bound |= {"no_token": True} if no_token else {}
    if daemon:
        from qmd_mcp.server.clients.own_token import how_to_connect, with_token
        from qmd_mcp.server.process.daemon import start

        options = [f"--{name}={value}" for name, value in bound.items() if name != "no_token"]
        running, new = start(session.location, [kept, *options, *(["--no-token"] if no_token else [])])
        if new:
            settings = session.settings.model_copy(update=bound)
            tell(how_to_connect(with_token(settings, session.location), session.location))
        say(f"{'Serving' if new else 'Already serving'} {running.url} (process {running.pid})")
        if running.token is None and not no_token and not new:
            say_aside("It asks for no token: every user of this machine may search. Stop it first: qmd-mcp stop")
        return
    from qmd_mcp.server.process.http_process import serve_http

    serve_http(session.settings.model_copy(update=bound), session.location, refresh=refresh)


@app.command()
def stop(context: typer.Context) -> None:
    """Stop the HTTP server of this index."""
    from qmd_mcp.server.process.daemon import stop as end

    ended = end(context.obj.location, grace_seconds=context.obj.settings.grace_seconds)
    if ended is None:
        say("No server of this index is running.")
    else:
        say(f"Stopped process {ended.pid}{' by force: it did not end when asked to' if ended.by_force else ''}.")


@app.command("client-config")
def show_client_config(
    context: typer.Context,
    client: Annotated[str, typer.Argument(help=f"One of {', '.join(PLACES)}.")],
    http: Annotated[
        bool, typer.Option("--http", help="For a client that connects to the server over HTTP, with its token.")
    ] = False,
) -> None:
    """Print what to add to a client's configuration file, with absolute paths."""
    if client not in get_args(Client):
        sentence = f"{client!r} is not one of {', '.join(PLACES)}"
        raise typer.BadParameter(sentence)
    from qmd_mcp.store.index_trust import check_trust

    known: Client = client  # type: ignore[assignment]  # checked above
    session = context.obj
    check_trust(session.location)  # the configuration names it, and so stands for the person's decision
    if not http:
        say_rendered(client_config(known, index=session.location.uri))
        say_aside(f"Add this to {PLACES[known]}")
        return
    from qmd_mcp.server.process.run_file import address_for_clients

    url, token = address_for_clients(session.settings, session.location)
    say_rendered(http_client_config(known, url=url, token=token))
    say_aside(f"Add this to {HTTP_PLACES[known]}{'; it has a secret: keep it out of git' if token else ''}")
