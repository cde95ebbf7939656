"""The run file of an index: where its HTTP server can be found."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from qmd_mcp import __version__
from qmd_mcp.errors import OtherVersionError
from qmd_mcp.index_uri import canonical
from qmd_mcp.server.process.operating_system import OPERATING_SYSTEM
from qmd_mcp.settings import IndexLocation, cache_folder

ANSWER_SECONDS = 2.0
"""How long a server on this machine may take to answer its health check before it is treated as absent."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server process, as its run file describes it."""

    pid: int
    url: str
    token: str | None
    instance: str
    """A random name that `/health` must show, which tells this process from another one with its number or its port."""
    version: str = __version__
    parent: int = 0
    """The process that started the server. On Windows a virtual environment's python.exe is a launcher that starts the
    real one, so that whoever starts a server knows the launcher's number alone."""

    def connection(self, *, timeout: float | None = None) -> HTTPConnection:
        """Return a new connection to the server."""
        address = urlsplit(self.url)
        assert address.hostname is not None
        return HTTPConnection(address.hostname, address.port, timeout=timeout)

    def headers(self) -> dict[str, str]:
        """Return the headers that every request must carry."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    def answers(self) -> bool:
        """Return whether the server answers its health check as this instance."""
        connection = self.connection(timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/health", headers=self.headers())
            health = json.loads(connection.getresponse().read())
            return isinstance(health, dict) and health.get("instance") == self.instance
        except (OSError, HTTPException, ValueError):
            return False
        finally:
            connection.close()


def run_file(location: IndexLocation) -> Path:
    """Return the path of an index's run file.

    The file holds a token, so that only its owner may read it. On Windows two spellings of a folder that differ in case
    alone are one folder, hence `normcase`, which changes nothing elsewhere.
    """
    digest = hashlib.sha256(os.path.normcase(canonical(location.uri)).encode()).hexdigest()[:16]
    return cache_folder() / "servers" / f"{digest}.json"


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
    if running is None or not OPERATING_SYSTEM.process_is_alive(running.pid):
        return None
    return running if running.answers() else None


def read(location: IndexLocation) -> Running | None:
    """Return what the run file says; the server that wrote it may have ended.

    Fields that another version has written and this one does not know are left out. A file of another user is treated
    as absent: it would send our requests, and the answers to them, through that user's hands.
    """
    try:
        with run_file(location).open(encoding="utf-8") as file:
            if not OPERATING_SYSTEM.file_is_mine(file.fileno()):
                return None
            stored = json.load(file)
            return Running(**{field.name: stored[field.name] for field in fields(Running) if field.name in stored})
    except (OSError, ValueError, TypeError):
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
    if left is not None and left.instance == running.instance:
        with suppress(PermissionError):  # Windows: another process reads it, and will find that nobody answers
            OPERATING_SYSTEM.remove_file(run_file(location))
