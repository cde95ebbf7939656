"""Requests that are refused, and files that cannot be read over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import anyio
import pytest

from qmd_mcp.application.engine import open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.settings import locate_index, read_settings
from tests.e2e.http_server import PATIENCE, PROJECT, HttpServer, Reply, environment, http_server

TOKEN = "correct-horse-battery-staple"
ROUTES = [
    ("POST", "/mcp"),
    ("GET", "/mcp"),
    ("GET", "/sse"),
    ("POST", "/messages/?session_id=0"),
    ("POST", "/search"),
    ("POST", "/vsearch"),
    ("POST", "/query"),
    ("GET", "/documents/a1b2c3"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/nowhere"),
]
SECRET = "the outside is secret"
INSIDE = "promote the standby"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[HttpServer]:
    """On the loopback, without a token."""
    with http_server("fake", tmp_path_factory.mktemp("index")) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Generator[HttpServer]:
    """On every address, with a token."""
    with http_server(
        "fake", tmp_path_factory.mktemp("index"), token=TOKEN, host="0.0.0.0", allowed_hosts="box.lan"
    ) as server:
        yield HttpServer(server.url.replace("0.0.0.0", "127.0.0.1"), server.process)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7337", "127.0.0.1.evil.example", "localhost@evil.example", "10.0.0.1", ""]
)
@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("GET", "/health")])
def test_a_foreign_host_is_421_on_every_route(server: HttpServer, method: str, path: str, host: str) -> None:
    """A web page that rebinds its own name to this machine sends it."""
    assert server.request(method, path, headers={"Host": host}).status == 421


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "file://", "http://127.0.0.1.evil.example", "http://localhost@evil.example"],
)
@pytest.mark.parametrize(("method", "path"), [*ROUTES, ("GET", "/health")])
def test_a_foreign_origin_is_403_on_every_route(server: HttpServer, method: str, path: str, origin: str) -> None:
    """A web page sends it."""
    assert server.request(method, path, headers={"Origin": origin}).status == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]", "LOCALHOST", "127.0.0.1:1"])
def test_the_loopback_by_any_of_its_names_is_answered(server: HttpServer, name: str) -> None:
    headers = {"Host": name, "Origin": f"http://{name}"}
    assert server.post("/search", {"query": "x"}, headers).status == 200


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer \xff"},
    ],
    ids=["none", "wrong", "empty", "of another scheme", "not ASCII"],
)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_the_token_every_route_is_401(
    guarded: HttpServer, method: str, path: str, given: dict[str, str]
) -> None:
    reply = guarded.request(method, path, headers=given)
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")


def test_with_the_token_a_search_is_answered_and_health_needs_none(guarded: HttpServer) -> None:
    assert guarded.post("/search", {"query": "x"}, {"Authorization": f"Bearer {TOKEN}"}).status == 200
    assert guarded.get("/health").status == 200


@pytest.mark.parametrize(("host", "status"), [("192.0.2.7:7337", 200), ("box.lan", 200), ("evil.example", 421)])
def test_a_server_for_other_machines_knows_addresses_and_its_names(guarded: HttpServer, host: str, status: int) -> None:
    """A name can be rebound, an address cannot."""
    assert guarded.get("/health", {"Host": host}).status == status


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])
def test_without_a_token_no_other_address_is_served(tmp_path: Path, host: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qmd_mcp", "--index", str(tmp_path), "serve", "--http", "--host", host, "--no-token"],
        cwd=PROJECT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"qmd-mcp: Serving on {host} lets other machines in, so it needs a token")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[HttpServer, Path]]:
    """The real engine over two notes, one of which became a link to the outside after it was indexed."""
    folder = tmp_path_factory.mktemp("real")
    notes, index = folder / "notes", folder / "index"
    (notes / "sub").mkdir(parents=True)
    (notes / "a.md").write_text(f"# A\n\n{INSIDE}\n")
    (notes / "link.md").write_text("# Link\n\nharmless\n")
    (notes / "sub" / "b.md").write_text("# B\n\nharmless\n")
    (folder / "outside").mkdir()
    (folder / "outside" / "b.md").write_text(SECRET)
    settings = read_settings(index=str(index))

    async def build() -> None:
        async with open_engine(settings, locate_index(settings, start=folder), create=True) as engine:
            await engine.writing.add_collection(Collection("notes", root=notes, globs=("**/*.md",)))
            await engine.writing.update()

    anyio.run(build)
    (notes / "link.md").unlink()
    (notes / "link.md").symlink_to(folder / "outside" / "b.md")
    (notes / "sub" / "b.md").unlink()
    (notes / "sub").rmdir()
    (notes / "sub").symlink_to(folder / "outside", target_is_directory=True)
    with http_server("real", index, refresh_seconds=3600) as server:
        assert server.post("/search", {"query": "standby"}).status == 200
        yield server, folder


TRAVERSALS = [
    "../outside/b.md",
    "notes/../../outside/b.md",
    "notes/../outside/b.md",
    "..%2Foutside%2Fb.md",
    "%2e%2e/outside/b.md",
    "%2e%2e%2foutside%2fb.md",
    "notes/%2e%2e/%2e%2e/outside/b.md",
    "notes%2f..%2f..%2foutside%2fb.md",
    "%252e%252e%252foutside/b.md",
    "..%5coutside%5cb.md",
    "..\\outside\\b.md",
    "notes/..;/outside/b.md",
    "notes/....//outside/b.md",
    "qmd://notes/../../outside/b.md",
    "qmd:%2f%2fnotes/%2e%2e/%2e%2e/outside/b.md",
    "file:///etc/passwd",
    "/etc/passwd",
    "%2Fetc%2Fpasswd",
    "//etc/passwd",
    "notes/a.md%00.png",
    "notes/a.md%00/../../outside/b.md",
    "..%c0%afoutside/b.md",
    "%ef%bc%8e%ef%bc%8e/outside/b.md",
    "~/x",
    "..:1:9",
    "#../outside/b.md",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_reaches_a_file_outside(real: tuple[HttpServer, Path], path: str) -> None:
    """Over REST and over MCP, written in every form."""
    server, folder = real
    absolute = f"{folder}/outside/b.md"
    for reference in (path, path.replace("outside", f"{folder.name}/outside")):
        replies = [
            server.get(f"/documents/{reference.replace('#', '%23')}"),
            _call(server, "get_document", {"document": reference}),
            _call(server, "get_documents", {"documents": [reference]}),
        ]
        for reply in replies:
            assert reply.status in {200, 400, 404}
            assert SECRET not in reply.text
            assert "root:" not in reply.text
            assert str(folder.parent) not in reply.text
    assert SECRET not in server.get(f"/documents/{absolute}").text
    assert server.get(f"/documents/{absolute}").status == 404


@pytest.mark.parametrize("path", ["notes/link.md", "notes/sub/b.md"])
def test_a_link_to_the_outside_is_not_followed(real: tuple[HttpServer, Path], path: str) -> None:
    """Not even where a file was when it was indexed."""
    server, folder = real
    reply = server.get(f"/documents/{path}")
    assert reply.status == 404
    for text in (reply.text, _call(server, "get_document", {"document": path}).text):
        assert SECRET not in text
        assert str(folder.parent) not in text


@pytest.mark.parametrize("path", [*TRAVERSALS, "notes/link.md", "notes/sub/b.md"])
def test_no_resource_reaches_a_file_outside(real: tuple[HttpServer, Path], path: str) -> None:
    """By its address, however that is written."""
    server, folder = real
    for uri in (f"qmd://{path}", f"qmd://notes/{path}", path):
        reply = _ask(server, "resources/read", {"uri": uri}, named=uri)
        assert "contents" not in json.loads(reply.text).get("result", {})
        assert SECRET not in reply.text
        assert "root:" not in reply.text
        assert str(folder.parent) not in reply.text


def test_a_resource_inside_is_read(real: tuple[HttpServer, Path]) -> None:
    server, _ = real
    (read,) = json.loads(_ask(server, "resources/read", {"uri": "qmd://notes/a.md"}, named="qmd://notes/a.md").text)[
        "result"
    ]["contents"]
    assert INSIDE in read["text"]


def test_neither_status_nor_errors_show_where_anything_is(real: tuple[HttpServer, Path]) -> None:
    server, folder = real
    status = _call(server, "status", {})
    (content,) = json.loads(status.text)["result"]["content"]
    assert " from …/notes (" in content["text"]
    assert str(folder.parent) not in status.text


def test_an_index_that_cannot_be_opened_is_503_and_does_not_say_where(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear reader")
    with http_server("real", tmp_path) as server:
        reply = server.post("/query", {"query": "reader"})
        assert reply.status == 503
        assert reply.json["error"].startswith(f"…/{tmp_path.name} is not a qmd-mcp index: ")
        assert str(tmp_path.parent) not in reply.text
        assert server.get("/health").status == 503


def _call(server: HttpServer, tool: str, arguments: dict[str, object]) -> Reply:
    """A tool's answer over streamable HTTP, as it is on the wire."""
    reply = _ask(server, "tools/call", {"name": tool, "arguments": arguments}, named=tool)
    assert json.loads(reply.text)["result"]["content"]
    return reply


def _ask(server: HttpServer, method: str, params: dict[str, object], *, named: str) -> Reply:
    """An answer over streamable HTTP, as it is on the wire; `named` is what the request is about."""
    envelope = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": method,
        "Mcp-Name": named,
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": envelope}}
    return server.post("/mcp", message, headers)
