"""A server in the background, and stdio servers that let it answer."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult

from qmd_mcp.cli import run
from qmd_mcp.server.process import run_file as running
from qmd_mcp.server.process.run_file import Running
from qmd_mcp.settings import IndexLocation
from tests.e2e.http_server import PATIENCE, PROJECT, http_server
from tests.fakes import HANGING

pytestmark = pytest.mark.anyio

TOKEN = "correct-horse"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for run files that is this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("QMD_PORT", "0")
    return folder


@pytest.fixture
def command(cache: Path, tmp_path: Path) -> Generator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Our program on one index; a server that it leaves behind is ended."""
    index = tmp_path / "index"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "qmd_mcp", "--index", str(index), *arguments],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    yield run
    left = running.read(IndexLocation(str(index)))
    if left is not None:
        os.kill(left.pid, signal.SIGKILL)


def _stdio(index: Path) -> Any:
    command = ["-m", "tests.e2e.stdio_process", "fake", str(index)]
    return stdio_client(StdioServerParameters(command=sys.executable, args=command, cwd=PROJECT, env=dict(os.environ)))


def test_a_server_of_an_index_is_started_once_found_and_stopped(
    command: Callable[..., subprocess.CompletedProcess[str]], cache: Path, tmp_path: Path
) -> None:
    """Its run file holds what forwarding needs, for its owner alone."""
    location = IndexLocation(str(tmp_path / "index"))
    started = command("serve", "--http", "--daemon")
    found = running.find(location)
    assert found is not None
    assert (started.returncode, started.stdout) == (0, f"Serving {found.url} (process {found.pid})\n")
    assert stat.S_IMODE(running.run_file(location).stat().st_mode) == 0o600
    assert running.run_file(location).is_relative_to(cache)
    again = command("serve", "--http", "--daemon")
    assert (again.returncode, again.stdout) == (0, f"Already serving {found.url} (process {found.pid})\n")
    second = command("serve", "--http", "--port", "0")  # `stop` would end only the one that started last
    assert (second.returncode, second.stderr) == (
        1,
        f"qmd-mcp: This index is served already: {found.url} (process {found.pid}). Use it, or stop it: qmd-mcp stop\n",
    )
    stopped = command("stop")
    assert (stopped.returncode, stopped.stdout) == (0, f"Stopped process {found.pid}.\n")
    assert not running.run_file(location).exists()
    assert command("stop").stdout == "No server of this index is running.\n"


def test_a_server_of_another_version_is_in_the_way_until_it_is_stopped(
    command: Callable[..., subprocess.CompletedProcess[str]], cache: Path, tmp_path: Path
) -> None:
    """It is not taken for one of this version, and its run file may have other fields."""
    location = IndexLocation(str(tmp_path / "index"))
    assert command("serve", "--http", "--daemon").returncode == 0
    left = running.run_file(location)
    found = json.loads(left.read_text())
    for version in ("0.0.1", "99.0"):
        left.write_text(json.dumps({**found, "version": version, "field_of_that_version": 1}))
        assert running.find(location) is None, "nothing is forwarded to it"
        sentence = (
            f"qmd-mcp: A server of qmd-mcp {version} (process {found['pid']}) is serving this index. "
            f"Stop it first: qmd-mcp stop\n"
        )
        for refused in (command("serve", "--http", "--daemon"), command("serve", "--http")):
            assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", sentence)
    stopped = command("stop")
    assert (stopped.returncode, stopped.stdout) == (0, f"Stopped process {found['pid']}.\n")
    assert not left.exists()
    assert command("stop").stdout == "No server of this index is running.\n"


def test_a_daemon_that_cannot_start_says_why(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    refused = command("serve", "--http", "--daemon", "--host", "0.0.0.0", "--no-token")
    assert refused.returncode == 1
    assert refused.stderr.startswith("qmd-mcp: Serving on 0.0.0.0 lets other machines in, so it needs a token")


def test_options_of_http_do_not_go_without_it(command: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert command("serve", "--daemon").returncode == 2


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_if_the_server_dies_the_conversation_goes_on_alone(cache: Path, tmp_path: Path, mode: str) -> None:
    """What was asked and not answered is asked again; the client notices nothing."""
    index = tmp_path / "index"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    answers: list[CallToolResult] = []

    async def keep(client: Client) -> None:
        answers.append(await client.call_tool("query", {"query": f"read {pipe}"}))

    with anyio.fail_after(PATIENCE * 2), http_server("fake", index) as server:
        async with Client(_stdio(index), mode=mode) as client:
            await client.list_tools()
            assert "…" in str((await client.call_tool("status", {})).content), "the server answers"
            async with anyio.create_task_group() as calls:
                calls.start_soon(keep, client)
                await anyio.to_thread.run_sync(server.says, HANGING)
                server.process.kill()
                await anyio.to_thread.run_sync(server.process.wait)  # or the dying one takes what is in the pipe
                await anyio.to_thread.run_sync(pipe.write_text, "go on")
            assert [answer.is_error for answer in answers] == [False]
            assert "…" not in str((await client.call_tool("status", {})).content), "nobody else answers"
            assert not (await client.call_tool("search", {"query": "x"})).is_error


async def test_a_server_that_is_stopped_between_two_calls_is_not_missed(cache: Path, tmp_path: Path) -> None:
    """And one that has been started again is found again."""
    index = tmp_path / "index"
    with anyio.fail_after(PATIENCE * 2), http_server("fake", index) as first:
        async with Client(_stdio(index), mode="legacy") as client:
            assert not (await client.call_tool("search", {"query": "x"})).is_error
            first.process.terminate()
            await anyio.to_thread.run_sync(first.end)
            with http_server("fake", index) as second:
                assert not (await client.call_tool("search", {"query": "x"})).is_error
                assert 'qmd_call_seconds_count{tool="search"} 1.0' in second.get("/metrics").text


async def test_a_server_with_a_token_answers_a_forwarding_one_which_reads_it_in_the_run_file(
    cache: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    with anyio.fail_after(PATIENCE * 2), http_server("fake", index, token=TOKEN) as server:
        async with Client(_stdio(index), mode="legacy") as client:
            assert not (await client.call_tool("search", {"query": "x"})).is_error
            assert "…" in str((await client.call_tool("status", {})).content), "the server answers"
        figures = server.get("/metrics", {"Authorization": f"Bearer {TOKEN}"}).text
        assert 'qmd_call_seconds_count{tool="search"} 1.0' in figures


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give a file away")
def test_a_run_file_of_another_user_is_no_server(cache: Path, tmp_path: Path) -> None:
    """It would send our requests, and what we are answered, through that user's hands."""
    location = IndexLocation(str(tmp_path / "index"))
    with http_server("fake", tmp_path / "index"):
        assert running.find(location) is not None
        file = running.run_file(location)
        os.chown(file, 65_534, 65_534)
        assert running.find(location) is None
        os.chown(file, os.geteuid(), os.getegid())
        file.chmod(0o620)
        assert running.find(location) is None
        file.chmod(0o600)
        file.rename(file.with_suffix(".moved"))
        file.symlink_to(file.with_suffix(".moved"))
        assert running.find(location) is None
        file.unlink()
        file.with_suffix(".moved").rename(file)
        assert running.find(location) is not None


def test_a_server_that_asks_for_no_token_is_told_of_and_tokens_beside_it_are_refused(
    cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The token would limit nobody, since everybody may ask without one."""
    index = str(tmp_path / "index")
    with http_server("fake", tmp_path / "index"):
        assert run(["--index", index, "token", "add", "bot"]) == 1
        assert "asks for no token" in capsys.readouterr().err
        assert run(["--index", index, "serve", "--http", "--daemon"]) == 0
        shown = capsys.readouterr()
        assert shown.out.startswith("Already serving ")
        assert "every user of this machine may search" in shown.err


def test_forwarding_imports_neither_the_engine_nor_the_protocol() -> None:
    """Several windows share one set of models, and start at once."""
    script = (
        "import sys, qmd_mcp.cli.server_commands\n"
        "import qmd_mcp.server.process.stdio_process, qmd_mcp.server.process.forwarding\n"
        "print(sorted({'lancedb', 'numpy', 'fastembed', 'onnxruntime', 'mcp', 'starlette'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "left",
    [
        "",
        "[]",
        '{"pid": 1}',
        json.dumps({"pid": 2**40, "url": "http://127.0.0.1:1", "token": None, "secret": "x"}),
        json.dumps({"pid": os.getpid(), "url": "http://127.0.0.1:1", "token": None, "secret": "x"}),
    ],
    ids=["empty", "a list", "without most", "of a process that cannot be", "of another process"],
)
def test_a_run_file_that_leads_nowhere_is_no_server(cache: Path, tmp_path: Path, left: str) -> None:
    location = IndexLocation(str(tmp_path))
    running.run_file(location).parent.mkdir(parents=True)
    running.run_file(location).write_text(left)
    running.run_file(location).chmod(0o600)
    assert running.find(location) is None


def test_a_server_takes_back_only_its_own_word(cache: Path, tmp_path: Path) -> None:
    location = IndexLocation(str(tmp_path))
    mine, another = (Running(pid=1, url="http://127.0.0.1:1", token=None, secret=name) for name in ("a", "b"))
    running.write(location, another)
    running.remove(location, mine)
    assert running.read(location) == another
    running.remove(location, another)
    assert running.read(location) is None
