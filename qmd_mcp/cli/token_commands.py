"""Commands that give tokens to clients of the HTTP server and take them back."""

from __future__ import annotations

from typing import Annotated

import typer

from qmd_mcp.cli.output import say, say_aside
from qmd_mcp.errors import SettingsError, UnknownCollectionError

app = typer.Typer()
token = typer.Typer(help="Give clients of the HTTP server tokens of their own, and take them back.")
app.add_typer(token, name="token", no_args_is_help=True)


@token.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What the client is called in the audit file.")],
    collections: Annotated[
        str | None, typer.Option(help="Names of collections, separated by commas; for the client no others exist.")
    ] = None,
    per_minute: Annotated[int | None, typer.Option(min=1, help="How many requests a minute are answered.")] = None,
) -> None:
    """Print a new token for a client. It is shown this once, and only its hash is kept."""
    from qmd_mcp.server.clients.registered_clients import add as register
    from qmd_mcp.server.process.run_file import find

    session = context.obj
    running = find(session.location)
    if running is not None and running.token is None:
        sentence = "The running server asks for no token, so that one would limit nobody. Stop it first: qmd-mcp stop"
        raise SettingsError(sentence)
    names: list[str] | None = None
    if collections is not None:
        names = sorted({each.strip() for each in collections.split(",") if each.strip()})
        known = session.run(lambda engine: engine.collections())
        unknown = [each for each in names if each not in known]
        if unknown or not names:
            raise UnknownCollectionError(", ".join(unknown), known=tuple(known))
    new = register(session.location, name, collections=names, per_minute=per_minute)
    say(new)
    seen = "every collection" if names is None else ", ".join(names)
    say_aside(f"This is shown once. {name} sees {seen}; a running server knows the token already.")


@token.command("list")
def list_clients(context: typer.Context) -> None:
    """List the clients that have a token, with the collections that exist for each."""
    from qmd_mcp.server.clients.registered_clients import registered

    clients = registered(context.obj.location)
    for each in clients:
        seen = "every collection" if each.collections is None else ", ".join(each.collections)
        limit = "" if each.per_minute is None else f"; {each.per_minute} requests a minute"
        say(f"{each.name}: {seen}{limit}; since {each.created}")
    if not clients:
        say("No client has a token of its own.")


@token.command()
def remove(context: typer.Context, name: Annotated[str, typer.Argument(help="The name of the client.")]) -> None:
    """Take a client's token back. A running server refuses it from then on."""
    from qmd_mcp.server.clients.registered_clients import remove as unregister

    unregister(context.obj.location, name)
    say(f"{name} has no token any more.")


@token.command()
def show(context: typer.Context) -> None:
    """Print the server's own token, with which everything can be read."""
    from qmd_mcp.server.clients.own_token import with_token
    from qmd_mcp.server.process.run_file import find

    session = context.obj
    running = find(session.location)
    if running is not None:
        own = running.token
    else:
        secret = with_token(session.settings, session.location).token
        own = None if secret is None else secret.get_secret_value()
    if own is None:
        sentence = "The server asks for no token (no_token)."
        raise SettingsError(sentence)
    say(own)
