"""The token that a server makes for itself when nobody has set one; it stays the same when the server starts again."""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
from pathlib import Path

from pydantic import SecretStr

from qmd_mcp.errors import SettingsError
from qmd_mcp.http_settings import is_token
from qmd_mcp.index_uri import canonical
from qmd_mcp.server.clients.secret_file import create_secret, read_secret
from qmd_mcp.settings import IndexLocation, Settings, state_folder


def index_key(location: IndexLocation) -> str:
    """Return the name by which files of an index are called that lie outside of it.

    On Windows two spellings of a folder that differ in case alone are one folder, hence `normcase`, which changes
    nothing elsewhere.
    """
    return hashlib.sha256(os.path.normcase(canonical(location.uri)).encode()).hexdigest()[:16]


def new_token() -> str:
    """Return a token of 256 random bits; it begins with a letter, so that no command takes it for an option."""
    return f"qmd_{secrets.token_urlsafe(32)}"


def token_file(location: IndexLocation) -> Path:
    """Return the path of the file with the own token of an index's server."""
    return state_folder() / "tokens" / index_key(location)


def with_token(settings: Settings, location: IndexLocation) -> Settings:
    """Return the settings with the token that the server of an index asks for: the one that is set, or else its own.

    The own token is made on first use. Without it, every user of this machine could ask a server on the loopback.

    Raises:
        SettingsError: the token cannot be kept, or both a token and no token are asked for.
    """
    if settings.no_token:
        if settings.token is not None:
            sentence = "A token is set, and so is no_token (--no-token). Leave one of them out."
            raise SettingsError(sentence)
        return settings
    return settings if settings.token is not None else settings.model_copy(update={"token": _own(location)})


def _own(location: IndexLocation) -> SecretStr:
    path = token_file(location)
    kept = read_secret(path)
    if kept is None:
        create_secret(path, new_token())
        kept = read_secret(path) or ""
    if not is_token(kept.strip()):
        sentence = f"{path} holds no token. Delete it, and a new one is made."
        raise SettingsError(sentence)
    return SecretStr(kept.strip())


def how_to_connect(settings: Settings, location: IndexLocation) -> str:
    """Say what a client of a server needs, for the person who starts the server."""
    if settings.token is None:
        return "no token is asked for: every user and every program of this machine can read what is indexed"
    command = f"qmd-mcp --index {shlex.quote(location.uri)} client-config NAME --http"
    return f"clients over HTTP need the token; this prints a configuration with it: {command}"
