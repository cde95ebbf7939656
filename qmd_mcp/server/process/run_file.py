"""Where the HTTP server of an index can be found."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from qmd_mcp import __version__
from qmd_mcp.settings import IndexLocation, cache_folder

ANSWER_SECONDS = 2.0
"""In which a server on this machine says that it is well, or is left alone."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server, as its run file tells of it."""

    pid: int
    url: str
    token: str | None
    instance: str
    """What `/health` must show: the same process, not another one with its number or its port."""
    version: str = __version__

    def connection(self, *, timeout: float | None = None) -> HTTPConnection:
        """A new connection to it."""
        address = urlsplit(self.url)
        assert address.hostname is not None
        return HTTPConnection(address.hostname, address.port, timeout=timeout)

    def headers(self) -> dict[str, str]:
        """What every request must carry."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}

    def answers(self) -> bool:
        """Whether it is there and well."""
        connection = self.connection(timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/health", headers=self.headers())
            said = json.loads(connection.getresponse().read())
            return isinstance(said, dict) and said.get("instance") == self.instance
        except (OSError, HTTPException, ValueError):
            return False
        finally:
            connection.close()


def run_file(location: IndexLocation) -> Path:
    """One for each index; it holds a token, so that only its owner may read it."""
    return cache_folder() / "servers" / f"{hashlib.sha256(location.uri.encode()).hexdigest()[:16]}.json"


def find(location: IndexLocation) -> Running | None:
    """The server of an index, if it is alive and of this version."""
    running = read(location)
    if running is None or running.version != __version__ or not lives(running.pid):
        return None
    return running if running.answers() else None


def read(location: IndexLocation) -> Running | None:
    """What the run file says; the process need not live any more."""
    try:
        with run_file(location).open(encoding="utf-8") as file:
            if sys.platform != "win32" and os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            return Running(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None


def write(location: IndexLocation, running: Running) -> None:
    """Leave word of a server; whoever looks meanwhile finds the old word or the new one."""
    path = run_file(location)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent)  # readable by its owner alone
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(running), file)
    Path(name).replace(path)


def remove(location: IndexLocation, running: Running) -> None:
    """Take the word back, unless it is another server's by now."""
    if read(location) == running:
        run_file(location).unlink(missing_ok=True)


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked about does not."""
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError):
        return False
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return True
