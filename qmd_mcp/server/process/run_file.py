"""The run file of an index: where its HTTP server can be found."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from qmd_mcp import __version__
from qmd_mcp.errors import OtherVersionError, SettingsError
from qmd_mcp.server.clients.own_token import index_key, with_token
from qmd_mcp.server.clients.proof import ProvenConnection, ServerIdentity
from qmd_mcp.server.clients.secret_file import read_secret
from qmd_mcp.server.clients.socket_file import SCHEME
from qmd_mcp.server.process.operating_system import OPERATING_SYSTEM
from qmd_mcp.settings import IndexLocation, Settings, cache_folder

ANSWER_SECONDS = 2.0
"""How long a server on this machine may take to answer its health check before it is treated as absent."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server process, as its run file describes it."""

    pid: int
    url: str
    token: str | None
    secret: str
    """What only this process and those who may read the run file know. The process proves with it that it is the one
    described here, and no other one that has got its number or its port since."""
    version: str = __version__
    parent: int = 0
    """The process that started the server. On Windows a virtual environment's python.exe is a launcher that starts the
    real one, so that whoever starts a server knows the launcher's number alone."""
    started: int | None = None
    """When the process began, as the operating system counts; None where that is not known."""

    @property
    def identity(self) -> ServerIdentity:
        """What the server proves on every connection."""
        return ServerIdentity(self.url, self.secret)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs. One that has got its number since began at another time."""
        return OPERATING_SYSTEM.process_is_alive(self.pid) and (
            self.started is None or OPERATING_SYSTEM.process_started(self.pid) == self.started
        )

    def connection(self, *, timeout: float = ANSWER_SECONDS) -> ProvenConnection:
        """Return a new connection to the server, which proves its identity when it connects."""
        if self.url.startswith(SCHEME):
            return ProvenConnection(
                "localhost", path=self.url.removeprefix(SCHEME), identity=self.identity, timeout=timeout
            )
        address = urlsplit(self.url)
        assert address.hostname is not None
        return ProvenConnection(address.hostname, address.port, identity=self.identity, timeout=timeout)

    def headers(self) -> dict[str, str]:
        """Return the headers that every request must carry."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    def answers(self) -> bool:
        """Return whether the server answers and proves its identity."""
        connection = self.connection()
        try:
            connection.connect()
        except OSError:
            return False
        finally:
            connection.close()
        return True


def run_file(location: IndexLocation) -> Path:
    """Return the path of an index's run file, which holds a token, so that only its owner may read it."""
    return cache_folder() / "servers" / f"{index_key(location)}.json"


def find(location: IndexLocation) -> Running | None:
    """Return the server of an index if it runs, answers and has this version, so that it can answer in our place."""
    running = find_of_any_version(location)
    return running if running is not None and running.version == __version__ else None


def find_or_refuse(location: IndexLocation) -> Running | None:
    """Return the server of an index like `find`, but refuse to go on beside one of another version.

    Its run file would be overwritten, and it holds the port.

    Raises:
        OtherVersionError: a server of another version is running.
    """
    running = find_of_any_version(location)
    if running is not None and running.version != __version__:
        raise OtherVersionError(running.version, pid=running.pid)
    return running


def find_of_any_version(location: IndexLocation) -> Running | None:
    """Return the server of an index if it runs and answers."""
    running = read(location)
    return running if running is not None and running.is_alive and running.answers() else None


def address_for_clients(settings: Settings, location: IndexLocation) -> tuple[str, str | None]:
    """Return the URL and the token of an index's server: of the one that runs, or else as the settings will have it.

    Raises:
        SettingsError: no server runs and its port is not known beforehand, or the token cannot be kept.
    """
    running = find(location)
    if settings.socket is not None or (running is not None and running.url.startswith(SCHEME)):
        sentence = "The server listens on a Unix socket: leave --http out, and the client's own process uses it."
        raise SettingsError(sentence)
    if running is not None:
        return running.url, running.token
    if settings.port == 0:
        sentence = "Port 0 takes any port, so start the server of this index first: qmd-mcp serve --http --daemon"
        raise SettingsError(sentence)
    token = with_token(settings, location).token
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return local_url(f"http://{host}:{settings.port}"), token.get_secret_value() if token else None


def local_url(url: str) -> str:
    """Return the URL at which this machine reaches a server that may listen on every address."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def find_process(location: IndexLocation) -> Running | None:
    """Return the server of an index if its process runs.

    Where it is known when the process began, it need not answer: one that is too busy for that can still be ended.
    """
    running = read(location)
    if running is None or not running.is_alive:
        return None
    return running if running.started is not None or running.answers() else None


def read(location: IndexLocation) -> Running | None:
    """Return what the run file says; the server that wrote it may have ended.

    Fields that another version has written and this one does not know are left out. A file that is a link, or that
    another user has made or could write, is treated as absent: it would send our requests, and the answers to them,
    through that user's hands.
    """
    try:
        stored = json.loads(read_secret(run_file(location)) or "")
        return Running(**{field.name: stored[field.name] for field in fields(Running) if field.name in stored})
    except (SettingsError, ValueError, TypeError, RecursionError):
        return None


def write(location: IndexLocation, running: Running) -> None:
    """Write the run file of a server.

    The file is replaced atomically, so that another process reads either the old address or the new one, never half of
    it. `mkstemp` makes a file that only its owner can read.
    """
    path = run_file(location)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(running), file)
    OPERATING_SYSTEM.replace_file(Path(name), path)


def remove(location: IndexLocation, running: Running) -> None:
    """Delete the run file of a server that ends, unless another server has replaced it."""
    left = read(location)
    if left is not None and left.secret == running.secret:
        with suppress(PermissionError):  # Windows: another process reads it, and will find that nobody answers
            OPERATING_SYSTEM.remove_file(run_file(location))
