"""A server on a Unix socket: other users can neither connect to it nor put theirs in its place."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from qmd_mcp.errors import SettingsError
from qmd_mcp.server.clients.own_token import with_token
from qmd_mcp.server.clients.socket_file import SCHEME, bound_to_file
from qmd_mcp.server.process import run_file
from qmd_mcp.server.process.run_file import Running, address_for_clients
from qmd_mcp.server.process.upstream import HttpUpstream
from qmd_mcp.settings import IndexLocation, read_settings
from tests.fakes import open_fake_engine
from tests.served_in_thread import SECRET, served_in_thread

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Python has no Unix sockets there")

LOCATION = IndexLocation("/an/index")


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))


@pytest.fixture
def folder() -> Generator[Path]:
    """A short path, because that of a socket has room for about a hundred characters."""
    with TemporaryDirectory() as made:
        yield Path(made)


def test_our_own_program_passes_conversations_on_through_it(folder: Path) -> None:
    path = folder / "inner" / "socket"
    settings = with_token(read_settings(socket=path), LOCATION)
    assert settings.token is not None
    with served_in_thread(settings, LOCATION, load=lambda: open_fake_engine) as url:
        assert url == f"{SCHEME}{path}"
        assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
        token = settings.token.get_secret_value()
        run_file.write(LOCATION, Running(pid=os.getpid(), url=url, token=token, secret=SECRET))
        running = run_file.find(LOCATION)
        assert running is not None
        upstream = HttpUpstream(running)
        upstream.send(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}')
        lines = upstream.lines()
        assert b'"id":1' in next(lines)
        upstream.close()
        assert not list(lines)
        with pytest.raises(SettingsError, match="Unix socket"):
            address_for_clients(settings, LOCATION)
    assert not path.exists()


ANOTHER_USER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
path = sys.argv[1]
for act in (socket.socket(socket.AF_UNIX).connect, os.unlink, socket.socket(socket.AF_UNIX).bind):
    try:
        act(path)
        print("done")
    except PermissionError:
        print("refused")
    except OSError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can become another user")
def test_another_user_neither_connects_nor_replaces_it(folder: Path) -> None:
    """Even where the folder can be entered."""
    folder.chmod(0o755)
    with bound_to_file(folder / "socket", backlog=1):
        command = [sys.executable, "-I", "-c", ANOTHER_USER, str(folder / "socket")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[:2] == ["refused", "refused"]
    assert "done" not in done.stdout


def test_what_a_killed_server_left_is_replaced_and_nothing_else_is(folder: Path) -> None:
    path = folder / "socket"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    with bound_to_file(path, backlog=1), pytest.raises(SettingsError, match="a server listens there"):
        bound_to_file(path, backlog=1).__enter__()
    path.write_text("precious")
    with pytest.raises(SettingsError, match="another file is there"):
        bound_to_file(path, backlog=1).__enter__()
    assert path.read_text() == "precious"


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_a_folder_into_which_others_can_write_is_refused(folder: Path, mode: int) -> None:
    (folder / "open").mkdir()
    if mode == 0o770:
        if os.geteuid() != 0:
            pytest.skip("only root gives a folder to a group of others")
        os.chown(folder / "open", -1, 65_534)
    (folder / "open").chmod(mode)
    with pytest.raises(SettingsError, match="other users can write into its folder"):
        bound_to_file(folder / "open" / "socket", backlog=1).__enter__()


def test_a_path_that_is_too_long_is_one_sentence(folder: Path) -> None:
    with pytest.raises(SettingsError, match="too long"):
        bound_to_file(folder / ("x" * 120), backlog=1).__enter__()
