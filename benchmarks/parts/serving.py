"""A server process on a temporary index, and an HTTP client that takes next to no CPU time."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self
from urllib.parse import urlsplit

import anyio
from anyio.streams.buffered import BufferedByteStream

from qmd_mcp.application.engine import open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.settings import IndexLocation, read_settings

LONGEST_HEAD = 65_536
TOKEN = secrets.token_urlsafe(32)
"""Of the servers that this process starts."""

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "benchmarks", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}

NAMED = frozenset({"tools/call", "resources/read", "prompts/get"})
"""Methods whose subject (a tool, URI or prompt) is repeated in the header `Mcp-Name`."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes


@dataclass(slots=True)
class Connection:
    """One HTTP connection that is kept open between requests."""

    stream: BufferedByteStream

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str) -> AsyncGenerator[Self]:
        """Connect to a server and close the connection at the end."""
        address = urlsplit(url)
        assert address.hostname is not None
        assert address.port is not None
        async with await anyio.connect_tcp(address.hostname, address.port) as stream:
            yield cls(BufferedByteStream(stream))

    async def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request and read its answer, which must state its length."""
        needed = {"Host": "localhost", "Authorization": f"Bearer {TOKEN}", "Content-Length": str(len(body))}
        fields = {**needed, **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await self.stream.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        answer = await self.stream.receive_until(b"\r\n\r\n", LONGEST_HEAD)
        length = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
        assert length is not None, answer
        received = await self.stream.receive_exactly(int(length[1])) if int(length[1]) else b""
        return Reply(int(answer[9:12]), received)

    async def post(self, path: str, arguments: object) -> Reply:
        """POST JSON to a path of the REST API."""
        return await self.request(
            "POST", path, body=json.dumps(arguments).encode(), headers={"Content-Type": "application/json"}
        )

    async def call(self, tool: str, arguments: object) -> Reply:
        """Call an MCP tool over streamable HTTP."""
        return await self.ask("tools/call", {"name": tool, "arguments": arguments})

    async def ask(self, method: str, params: Mapping[str, object]) -> Reply:
        """Send one MCP request over streamable HTTP."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": ENVELOPE}}
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": method,
        }
        named = params.get("uri" if method == "resources/read" else "name")
        if isinstance(named, str) and method in NAMED:
            plain = named.isascii() and named.isprintable() and named == named.strip()
            encoded = base64.b64encode(named.encode(errors="replace")).decode()
            headers["Mcp-Name"] = named if plain else f"=?base64?{encoded}?="
        return await self.request("POST", "/mcp", body=json.dumps(message).encode(), headers=headers)


@contextmanager
def built(folder: Path, *, globs: tuple[str, ...], index: Path | None = None) -> Generator[tuple[Path, dict[str, str]]]:
    """Index a folder; yields the index and an environment in which no server or cache of the user is found.

    The index is temporary unless a place is given: there it is kept, and updated if it exists already.
    """
    with TemporaryDirectory() as temporary:
        place = Path(temporary) / "index" if index is None else index.resolve()
        anyio.run(_build, place, folder.resolve(), globs)
        yield place, {**os.environ, "XDG_CACHE_HOME": temporary, "QMD_PORT": "0", "QMD_TOKEN": TOKEN}


@contextmanager
def serving(
    folder: Path, *, globs: tuple[str, ...], index: Path | None = None
) -> Generator[tuple[str, Path, dict[str, str]]]:
    """Index a folder as `built` does and serve it; yields the server's URL, the index and the environment."""
    with built(folder, globs=globs, index=index) as (place, environment):
        command = [sys.executable, "-m", "qmd_mcp", "--index", str(place), "serve", "--http", "--no-refresh"]
        log = Path(environment["XDG_CACHE_HOME"]) / "log"
        with log.open("wb") as said, subprocess.Popen(command, env=environment, stderr=said) as process:
            try:
                while "qmd-mcp: serving " not in log.read_text():
                    time.sleep(0.05)
                yield re.findall(r"qmd-mcp: serving (\S+)", log.read_text())[0], place, environment
            finally:
                process.terminate()
                sys.stderr.write(log.read_text())


async def _build(index: Path, folder: Path, globs: tuple[str, ...]) -> None:
    async with open_engine(read_settings(), IndexLocation(str(index)), create=True) as engine:
        if "documents" not in await engine.collections():
            await engine.writing.add_collection(Collection("documents", folder, globs))
        await engine.writing.update()
