"""Tokens of clients: kept as hashes, taken back at once, limited in number of requests, and out of reach of others."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from qmd_mcp.application.engine_protocols import OpenEngine, ReadableEngine
from qmd_mcp.cli import run
from qmd_mcp.errors import SettingsError
from qmd_mcp.server.clients.client import PRESENT, Client
from qmd_mcp.server.clients.own_token import token_file, with_token
from qmd_mcp.server.clients.rate_limit import RateLimit
from qmd_mcp.server.clients.registered_clients import ClientTokens, add, clients_file, registered, remove
from qmd_mcp.server.http.access import access_policy
from qmd_mcp.server.mcp.mcp_application import Application
from qmd_mcp.server.mcp.tools import Tools
from qmd_mcp.settings import IndexLocation, read_settings
from tests.e2e.http_server import HttpServer
from tests.fakes import open_fake_engine
from tests.served_in_thread import served_in_thread

LOCATION = IndexLocation("/an/index")
NOBODY = 65_534


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))


def load_fake() -> OpenEngine:
    """An engine that is there at once."""
    return open_fake_engine


@pytest.fixture
def server() -> Generator[HttpServer]:
    """One that asks for a token."""
    with served_in_thread(read_settings(port=0), LOCATION, load=load_fake) as url:
        yield HttpServer(url)


def bearer(token: str) -> dict[str, str]:
    """The header of a client."""
    return {"Authorization": f"Bearer {token}"}


def test_a_running_server_knows_a_token_as_soon_as_it_is_given_and_no_longer_than_it_is(server: HttpServer) -> None:
    tokens = {name: add(LOCATION, name, collections=None, per_minute=None) for name in ("editor", "script")}
    assert [server.post("/search", {"query": "x"}, bearer(token)).status for token in tokens.values()] == [200, 200]
    remove(LOCATION, "editor")
    assert [server.post("/search", {"query": "x"}, bearer(token)).status for token in tokens.values()] == [401, 200]
    clients_file(LOCATION).unlink()
    assert server.post("/search", {"query": "x"}, bearer(tokens["script"])).status == 401


def test_only_hashes_of_tokens_are_kept_and_only_their_owner_reads_them() -> None:
    token = add(LOCATION, "editor", collections=["notes"], per_minute=9)
    text = clients_file(LOCATION).read_text()
    assert token not in text
    assert [(each.name, each.collections, each.per_minute) for each in registered(LOCATION)] == [
        ("editor", ("notes",), 9)
    ]
    assert stat.S_IMODE(clients_file(LOCATION).stat().st_mode) == 0o600
    assert stat.S_IMODE(clients_file(LOCATION).parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["", "a b", "owner", "local", "stdio", "../x", "a\nb", "x" * 65, "é"])
def test_a_name_that_could_mislead_in_the_audit_file_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be the name of a client"):
        add(LOCATION, name, collections=None, per_minute=None)


def test_a_name_is_given_once() -> None:
    add(LOCATION, "editor", collections=None, per_minute=None)
    with pytest.raises(SettingsError, match="already"):
        add(LOCATION, "editor", collections=None, per_minute=None)
    with pytest.raises(SettingsError, match=r"no client 'x'. The clients are editor\."):
        remove(LOCATION, "x")


@pytest.mark.parametrize("harm", ["others may read it", "a link", "damaged", "a pipe"])
def test_a_file_of_tokens_that_is_not_the_users_own_lets_nobody_in(
    server: HttpServer, tmp_path: Path, harm: str
) -> None:
    """The server says so, without saying where it is; its own token goes on."""
    token = add(LOCATION, "editor", collections=None, per_minute=None)
    path = clients_file(LOCATION)
    if harm == "others may read it":
        path.chmod(0o644)
    elif harm == "a link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    elif harm == "a pipe":
        path.unlink()
        os.mkfifo(path, 0o600)
    else:
        path.write_text('{"clients": [{"name": "editor"}]}')
    refused = server.post("/search", {"query": "x"}, bearer(token))
    assert refused.status == 503
    assert str(tmp_path) not in refused.text
    own = with_token(read_settings(), LOCATION).token
    assert own is not None
    assert server.post("/search", {"query": "x"}, bearer(own.get_secret_value())).status == 200


def test_an_own_token_that_others_may_have_read_is_not_used_any_more() -> None:
    assert with_token(read_settings(), LOCATION).token == with_token(read_settings(), LOCATION).token
    token_file(LOCATION).chmod(0o640)
    with pytest.raises(SettingsError, match="other users may read or write it"):
        with_token(read_settings(), LOCATION)


def test_no_token_and_tokens_exclude_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    add(LOCATION, "editor", collections=["notes"], per_minute=None)
    with pytest.raises(SettingsError, match="everybody"):
        access_policy(read_settings(no_token=True), ClientTokens(LOCATION))
    monkeypatch.setenv("QMD_TOKEN", "abc")
    with pytest.raises(SettingsError, match="Leave one of them out"):
        with_token(read_settings(no_token=True), LOCATION)


def test_a_client_that_asks_too_often_is_told_when_to_come_back(server: HttpServer) -> None:
    token, other = (add(LOCATION, name, collections=None, per_minute=limit) for name, limit in (("a", 2), ("b", None)))
    replies = [server.post("/search", {"query": "x"}, bearer(token)) for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 429, 429]
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 30
    assert server.post("/search", {"query": "x"}, bearer(other)).status == 200


def test_a_bucket_refills_with_time() -> None:
    clock = [0.0]
    limit, client = RateLimit(now=lambda: clock[0]), Client("a", per_minute=60)
    assert [limit.seconds_to_wait(client) for _ in range(61)] == [0] * 60 + [1]
    clock[0] += 2
    assert [limit.seconds_to_wait(client) for _ in range(3)] == [0, 0, 1]
    clock[0] += 3_600
    assert sum(limit.seconds_to_wait(client) == 0 for _ in range(100)) == 60


@pytest.mark.anyio
async def test_a_call_of_nobody_is_answered_by_an_error() -> None:
    """If a request's client were lost on the way, nobody could be taken for somebody who may see everything."""
    async with open_fake_engine(read_settings(), LOCATION) as opened:

        async def engine() -> ReadableEngine:
            return PRESENT.get().engine(opened)

        with pytest.raises(LookupError):
            await Application(Tools(engine)).answer("status", {})


def test_the_commands_show_a_token_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    index = ("--index", str(tmp_path / "index"))
    assert run([*index, "token", "list"]) == 0
    assert capsys.readouterr().out == "No client has a token of its own.\n"
    assert run([*index, "token", "add", "editor", "--per-minute", "5"]) == 0
    token = capsys.readouterr().out.strip()
    assert ClientTokens(IndexLocation(index[1])).client(token) == Client("editor", per_minute=5)
    assert run([*index, "token", "list"]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith("editor: every collection; 5 requests a minute; since ")
    assert token not in listed
    assert run([*index, "token", "remove", "editor"]) == 0
    assert ClientTokens(IndexLocation(index[1])).client(token) is None
    assert run([*index, "token", "remove", "editor"]) == 1


@pytest.mark.parametrize(("client", "key"), [("cursor", "mcpServers"), ("claude", "mcpServers"), ("vscode", "servers")])
def test_a_clients_configuration_has_the_token_that_the_server_will_ask_for(
    capsys: pytest.CaptureFixture[str], client: str, key: str
) -> None:
    """Also before its first start, since the server keeps the token."""
    index = ("--index", LOCATION.uri)
    assert run([*index, "client-config", client, "--http"]) == 0
    server = json.loads(capsys.readouterr().out)[key]["qmd-mcp"]
    own = with_token(read_settings(), LOCATION).token
    assert own is not None
    assert server["url"] == "http://127.0.0.1:7337/mcp"
    assert server["headers"] == bearer(own.get_secret_value())
    assert run([*index, "token", "show"]) == 0
    assert capsys.readouterr().out.strip() == own.get_secret_value()


def test_without_a_token_or_a_known_port_a_configuration_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = ("--index", LOCATION.uri)
    monkeypatch.setenv("QMD_NO_TOKEN", "1")
    assert run([*index, "client-config", "cursor", "--http"]) == 0
    assert "headers" not in capsys.readouterr().out
    assert run([*index, "token", "show"]) == 1
    monkeypatch.setenv("QMD_PORT", "0")
    assert run([*index, "client-config", "cursor", "--http"]) == 1
    assert "start the server of this index first" in capsys.readouterr().err


ANOTHER_USER = """
import encodings.idna, os, sys, urllib.error, urllib.request
user, url, *paths = sys.argv[1:]
os.setgroups([])
os.setgid(int(user))
os.setuid(int(user))
for path in paths:
    try:
        open(path).read()
        print("read", path)
    except PermissionError:
        print("refused")
try:
    urllib.request.urlopen(url + "/documents/a1b2c3", timeout=30)
    print("answered")
except urllib.error.HTTPError as error:
    print(error.code)
"""
"""What it needs is imported before it changes users: the interpreter may lie where the other one reads nothing."""


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_the_machine_reads_neither_tokens_nor_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Although every user can connect to the loopback, and even if the folders were open."""
    with TemporaryDirectory() as folder:
        monkeypatch.setenv("XDG_STATE_HOME", folder)
        with served_in_thread(read_settings(port=0), LOCATION, load=load_fake) as url:
            add(LOCATION, "editor", collections=None, per_minute=None)
            files = [token_file(LOCATION), clients_file(LOCATION)]
            for open_to_all in (files[0].parent, files[0].parent.parent, Path(folder)):
                open_to_all.chmod(0o755)
            assert all(file.exists() for file in files)
            done = subprocess.run(
                [sys.executable, "-I", "-c", ANOTHER_USER, str(NOBODY), url, *map(str, files)],
                capture_output=True,
                text=True,
                check=False,
            )
    assert (done.stdout.split(), done.stderr) == (["refused", "refused", "401"], "")
