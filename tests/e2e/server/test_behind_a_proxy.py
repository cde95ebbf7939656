"""A server behind a reverse proxy with TLS, configured as the documentation says."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from json import dumps
from pathlib import Path
from queue import Queue
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import pytest
from anyio.abc import ByteStream
from anyio.streams.tls import TLSListener

from qmd_mcp.settings import IndexLocation, read_settings
from tests.e2e.documentation import ROOT, blocks
from tests.e2e.http_server import PATIENCE
from tests.fakes import open_fake_engine
from tests.served_in_thread import served_in_thread

NAME = "search.example.org"
"""As in the documentation."""

TOKEN = "correct-horse"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tests", "version": "0"}},
}

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("openssl") is None, reason="openssl makes the certificate"
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate for the name, and its key."""

    chain: Path
    key: Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    made = Certificate(folder / "chain.pem", folder / "key.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
            *("-keyout", str(made.key), "-out", str(made.chain)),
        ],
        check=True,
        capture_output=True,
    )
    return made


class Encrypted(HTTPConnection):
    """A connection to the proxy, by the name that its certificate has."""

    def __init__(self, port: int, certificate: Certificate) -> None:
        super().__init__("127.0.0.1", port, timeout=PATIENCE)
        self._context = ssl.create_default_context(cafile=str(certificate.chain))

    def connect(self) -> None:
        """Connect with TLS."""
        super().connect()
        self.sock = self._context.wrap_socket(self.sock, server_hostname=NAME)


def terminator(server: tuple[str, int], certificate: Certificate, _folder: Path) -> Generator[int]:
    """The least that a proxy with TLS can be: what comes in decrypted goes out as it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    ended, ports = threading.Event(), Queue[int]()

    async def pump(source: ByteStream, target: ByteStream) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for data in source:
                await target.send(data)

    async def pass_on(inside: ByteStream) -> None:
        async with await anyio.connect_tcp(*server) as onward, anyio.create_task_group() as group:
            group.start_soon(pump, onward, inside)
            await pump(inside, onward)
            group.cancel_scope.cancel()
        await anyio.aclose_forcefully(inside)

    async def serve() -> None:
        port = _free_port()
        plain = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
        encrypted = TLSListener(plain, context, standard_compatible=False)
        async with encrypted, anyio.create_task_group() as group:
            group.start_soon(encrypted.serve, pass_on)
            ports.put(port)
            await anyio.to_thread.run_sync(ended.wait)
            group.cancel_scope.cancel()

    thread = threading.Thread(target=anyio.run, args=(serve,))
    thread.start()
    try:
        yield ports.get(timeout=PATIENCE)
    finally:
        ended.set()
        thread.join()


def caddy(server: tuple[str, int], certificate: Certificate, folder: Path) -> Generator[int]:
    """Caddy with the block of the documentation."""
    port = _free_port()
    site = _documented("caddyfile").replace("127.0.0.1:7337", f"127.0.0.1:{server[1]}")
    site = site.replace(f"{NAME} {{", f"https://{NAME}:{port} {{\n\ttls {certificate.chain} {certificate.key}", 1)
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}")
    yield from _running(port, [_program("caddy"), "run", "--config", str(folder / "Caddyfile")], folder)


def nginx(server: tuple[str, int], certificate: Certificate, folder: Path) -> Generator[int]:
    """Nginx with the block of the documentation."""
    port = _free_port()
    site = _documented("nginx").replace("127.0.0.1:7337", f"127.0.0.1:{server[1]}").replace("443", f"127.0.0.1:{port}")
    site = re.sub(r"ssl_certificate \S+;", f"ssl_certificate {certificate.chain};", site)
    site = re.sub(r"ssl_certificate_key \S+;", f"ssl_certificate_key {certificate.key};", site)
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/errors;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}{site}\n}}\n"
    )
    yield from _running(port, [_program("nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder)], folder)


@pytest.fixture(scope="module", params=[terminator, caddy, nginx], ids=["a terminator", "Caddy", "nginx"])
def proxy(
    request: pytest.FixtureRequest, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Callable[[], Encrypted]]:
    """Connections through a proxy to a server that knows its name."""
    folder = tmp_path_factory.mktemp("proxy")
    settings = read_settings(port=0, allowed_hosts=NAME, token=TOKEN)
    with ExitStack() as stack:
        url = stack.enter_context(served_in_thread(settings, IndexLocation(str(folder)), load=lambda: open_fake_engine))
        address = urlsplit(url)
        proxied = contextmanager(request.param)((str(address.hostname), address.port), certificate, folder)
        port = stack.enter_context(proxied)
        yield lambda: Encrypted(port, certificate)


def ask(connection: Encrypted, method: str, path: str, body: object = None, **headers: str) -> HTTPResponse:
    """Send one request under the name, with the token unless told otherwise."""
    sent = {"Host": NAME, "Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **headers}
    connection.request(method, path, body=None if body is None else dumps(body), headers=sent)
    return connection.getresponse()


def test_a_client_with_the_token_is_answered_under_the_name_of_the_proxy(proxy: Callable[[], Encrypted]) -> None:
    with closing(proxy()) as connection:
        reply = ask(connection, "POST", "/search", {"query": "x"}, Origin=f"https://{NAME}")
        assert reply.status == 200
        assert b"postgres.md" in reply.read()


@pytest.mark.parametrize(
    ("headers", "status"), [({"Authorization": "Bearer x"}, 401), ({"Origin": "https://evil.example"}, 403)]
)
def test_a_client_without_it_and_a_foreign_page_are_not(
    proxy: Callable[[], Encrypted], headers: dict[str, str], status: int
) -> None:
    with closing(proxy()) as connection:
        assert ask(connection, "POST", "/search", {"query": "x"}, **headers).status == status


def test_no_document_is_shown_under_another_name(proxy: Callable[[], Encrypted]) -> None:
    """Some proxies answer such a request themselves."""
    with closing(proxy()) as connection:
        reply = ask(connection, "GET", "/documents/a1b2c3", Host="evil.example")
        assert b"postgres" not in reply.read()


def test_the_events_of_a_stream_come_as_they_are_sent(proxy: Callable[[], Encrypted]) -> None:
    with closing(proxy()) as listening, closing(proxy()) as posting:
        stream = ask(listening, "GET", "/sse", Accept="text/event-stream")
        assert stream.readline().strip() == b"event: endpoint"
        endpoint = stream.readline().decode().removeprefix("data: ").strip()
        assert ask(posting, "POST", endpoint, INITIALIZE).status == 202
        while not (line := stream.readline()).startswith(b"data: "):
            assert line
        assert b'"qmd-mcp"' in line


def _documented(language: str) -> str:
    (block,) = (each for each in blocks(ROOT / "docs" / "one-server-for-many.md") if each.language == language)
    return block.text


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _running(port: int, command: list[str], folder: Path) -> Generator[int]:
    """Run a proxy until the end, once it takes connections."""
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, env={"HOME": str(folder)}) as process,
    ):
        try:
            while not _listens(port):
                assert process.poll() is None, (folder / "log").read_text()
            yield port
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
