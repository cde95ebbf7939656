"""A model hub on the loopback interface, with the part of the protocol that pulling a model uses."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_LARGE = 1024
"""A file of at least so many bytes is in large-file storage."""


@dataclass(slots=True)
class Hub:
    """One repository, its faults, and the requests that it got."""

    repository: str
    files: dict[str, bytes]
    commit: str = COMMIT
    lies: set[str] = field(default_factory=set)
    """Files whose content does not match the hash that the hub states."""
    drop_once: dict[str, int] = field(default_factory=dict)
    """Bytes after which the connection breaks when a file is requested for the first time."""
    longer: dict[str, int] = field(default_factory=dict)
    """Bytes that follow the announced ones of a file."""
    answer: bytes | None = None
    """What the hub answers about the repository, in place of the truth."""
    status: int = 200
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    """The method, path and range of every request for a file."""
    url: str = ""

    def information(self) -> dict[str, Any]:
        """Return the hub's answer about the repository."""
        return {
            "_id": "1",
            "id": self.repository,
            "modelId": self.repository,
            "sha": self.commit,
            "siblings": [self._sibling(path, content) for path, content in self.files.items()],
        }

    def _sibling(self, path: str, content: bytes) -> dict[str, Any]:
        told: dict[str, Any] = {"rfilename": path, "size": len(content), "blobId": git_sha1(content)}
        if len(content) >= _LARGE:
            told["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        return told


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextmanager
def serving(hub: Hub, *others: Hub) -> Generator[Hub]:
    """Serve one or several repositories on a free port of the loopback interface."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler((hub, *others)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(hubs: tuple[Hub, ...]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        @property
        def hub(self) -> Hub:
            """Return the repository that the path names, or the first one for any other path."""
            return next((hub for hub in hubs if f"/{hub.repository}" in self.path), hubs[0])

        def do_HEAD(self) -> None:
            self._file(body=False)

        def do_GET(self) -> None:
            hub = self.hub
            if not self.path.startswith("/api/models/"):
                self._file(body=True)
                return
            if hub.status != 200 or not self.path.startswith(f"/api/models/{hub.repository}"):
                codes = {401: "GatedRepo", 404: "RepoNotFound"}
                status = hub.status if hub.status != 200 else 404
                self._answer(status, b"{}", {"X-Error-Code": codes.get(status, "")})
                return
            revision = re.search(r"/revision/([^/?]+)", self.path)
            if revision and revision[1] not in {"main", hub.commit}:
                self._answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
                return
            told = json.dumps(hub.information()).encode() if hub.answer is None else hub.answer
            self._answer(200, told, {"Content-Type": "application/json"})

        def _file(self, *, body: bool) -> None:
            hub = self.hub
            path = self.path.partition(f"/{hub.repository}/resolve/{hub.commit}/")[2]
            hub.requests.append((self.command, path or self.path, self.headers["Range"]))
            if path not in hub.files:
                self._answer(404, b"{}", {"X-Error-Code": "EntryNotFound"})
                return
            content = hub.files[path]
            etag = hashlib.sha256(content).hexdigest() if len(content) >= _LARGE else git_sha1(content)
            headers = {"ETag": f'"{etag}"', "X-Repo-Commit": hub.commit, "Accept-Ranges": "bytes"}
            if path in hub.lies:
                content = bytes(byte ^ 1 for byte in content)
            content += bytes(hub.longer.get(path, 0))
            first = int(re.findall(r"\d+", self.headers["Range"])[0]) if self.headers["Range"] else 0
            if first:
                headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self._answer(206 if first else 200, content[first:], headers, body=body, drop=body and path)

        def _answer(
            self, status: int, content: bytes, headers: dict[str, str], *, body: bool = True, drop: str | bool = False
        ) -> None:
            hub = self.hub
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if isinstance(drop, str) and drop in hub.drop_once:
                content = content[: hub.drop_once.pop(drop)]
                self.close_connection = True
            if body:
                with suppress(ConnectionError):  # the client may have had enough
                    self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler
