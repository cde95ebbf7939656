"""The tokens that the owner of an index has given to clients, each with what its client may see."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from qmd_mcp.errors import SettingsError
from qmd_mcp.server.clients.client import ANYBODY, LOCAL, OWNER, STDIO, Client
from qmd_mcp.server.clients.own_token import index_key, new_token
from qmd_mcp.server.clients.secret_file import read_secret, write_secret
from qmd_mcp.settings import IndexLocation, state_folder

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a client may be called: names stand in the audit file and in terminals."""

_RESERVED = frozenset({ANYBODY.name, LOCAL.name, OWNER.name, STDIO.name})


class Registered(BaseModel):
    """One client, as the file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str
    sha256: str
    """The hash of the token, which has 256 random bits: nobody finds it by its hash, and no salt is needed."""
    collections: tuple[str, ...] | None
    per_minute: int | None
    created: str

    @property
    def client(self) -> Client:
        """The client with what it may see."""
        seen = None if self.collections is None else frozenset(self.collections)
        return Client(self.name, collections=seen, per_minute=self.per_minute)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    clients: tuple[Registered, ...] = ()


def clients_file(location: IndexLocation) -> Path:
    """Return the path of the file with an index's clients."""
    return state_folder() / "tokens" / f"{index_key(location)}.json"


def registered(location: IndexLocation) -> tuple[Registered, ...]:
    """Return the clients of an index, in the order in which they were added.

    Raises:
        SettingsError: the file cannot be read, or is not the user's alone.
    """
    path = clients_file(location)
    text = read_secret(path)
    if text is None:
        return ()
    try:
        return _File.model_validate_json(text).clients
    except ValidationError as error:
        sentence = f"{path} is damaged. Delete it and add the clients again: qmd-mcp token add NAME"
        raise SettingsError(sentence) from error


def add(location: IndexLocation, name: str, *, collections: Sequence[str] | None, per_minute: int | None) -> str:
    """Register a client and return its token, which is stored nowhere.

    Raises:
        SettingsError: the name cannot be used or is taken, or the file cannot be written.
    """
    if not NAME.fullmatch(name) or name in _RESERVED:
        sentence = f"{name!r} cannot be the name of a client: use ASCII letters, digits, dots, - and _, but not "
        raise SettingsError(sentence + ", ".join(sorted(_RESERVED)) + ".")
    known = registered(location)
    if any(each.name == name for each in known):
        sentence = f"There is a client {name} already. Remove it first: qmd-mcp token remove {name}"
        raise SettingsError(sentence)
    token = new_token()
    new = Registered(
        name=name,
        sha256=_hashed(token),
        collections=None if collections is None else tuple(collections),
        per_minute=per_minute,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    _write(location, (*known, new))
    return token


def remove(location: IndexLocation, name: str) -> None:
    """Take a client's token back; a running server refuses it from its next request on.

    Raises:
        SettingsError: there is no such client, or the file cannot be written.
    """
    known = registered(location)
    left = tuple(each for each in known if each.name != name)
    if len(left) == len(known):
        names = ", ".join(each.name for each in known)
        sentence = f"There is no client {name!r}. " + (f"The clients are {names}." if known else "No client was added.")
        raise SettingsError(sentence)
    _write(location, left)


@dataclass(slots=True)
class ClientTokens:
    """The clients of an index as they are now: the file is read again when it has changed."""

    location: IndexLocation
    _clients: tuple[Registered, ...] = ()
    _read: tuple[int, ...] | None = None

    @property
    def any(self) -> bool:
        """Whether any client has a token."""
        return bool(registered(self.location))

    def client(self, token: str) -> Client | None:
        """Return the client that has a token. Every hash is compared, each in constant time.

        Raises:
            SettingsError: the file cannot be read, or is not the user's alone.
        """
        self._follow()
        given = _hashed(token)
        found: Client | None = None
        for each in self._clients:
            if hmac.compare_digest(each.sha256, given):
                found = each.client
        return found

    def _follow(self) -> None:
        try:
            status = os.lstat(clients_file(self.location))
        except OSError:
            self._clients, self._read = (), None
            return
        version = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
        if version != self._read:
            self._clients = ()
            self._clients = registered(self.location)
            self._read = version


def _write(location: IndexLocation, clients: tuple[Registered, ...]) -> None:
    write_secret(clients_file(location), _File(clients=clients).model_dump_json(indent=2))


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("latin-1", "replace")).hexdigest()
