"""A process in which one call holds the interpreter's lock for ever still ends when it is asked to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qmd_mcp.server.process.daemon import stop
from qmd_mcp.server.process.run_file import read, run_file
from qmd_mcp.settings import IndexLocation
from tests.e2e.http_server import PATIENCE, PROJECT, environment, http_server
from tests.fakes import HANGING

INITIALIZE = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "tests", "version": "0"}}
FREEZE = {"name": "query", "arguments": {"query": "freeze"}}


@pytest.mark.parametrize("asked", ["SIGTERM", "SIGINT", "end of input"])
def test_a_frozen_process_ends_when_it_is_asked_to(asked: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.security.server.frozen_process"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"frozen\n"
            if asked == "end of input":
                process.stdin.close()
            else:
                process.send_signal(signal.Signals[asked])
            assert process.wait(PATIENCE) == -signal.SIGKILL
        finally:
            process.kill()


@pytest.mark.attack
@pytest.mark.parametrize("asked", ["SIGTERM", "SIGINT", "end of input"])
def test_a_frozen_server_over_stdio_ends_when_it_is_asked_to(tmp_path: Path, asked: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.stdio_process", "fake", str(tmp_path)],
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            for message in (
                {"id": 1, "method": "initialize", "params": INITIALIZE},
                {"method": "notifications/initialized"},
                {"id": 2, "method": "tools/call", "params": FREEZE},
            ):
                process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
                process.stdin.flush()
            while process.stderr.readline() != HANGING:
                pass
            if asked == "end of input":
                process.stdin.close()
            else:
                process.send_signal(signal.Signals[asked])
            assert process.wait(PATIENCE) == -signal.SIGKILL
        finally:
            process.kill()


@pytest.mark.attack
def test_stop_ends_a_frozen_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is known by its run file, although it answers nothing any more."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    location = IndexLocation(str(tmp_path / "index"))
    with http_server("fake", tmp_path / "index") as server:
        server.get("/health")
        running = read(location)
        assert running is not None
        os.kill(running.pid, signal.SIGSTOP)  # no thread of it runs, and SIGTERM waits
        stopped = stop(location, grace_seconds=0)
        assert stopped is not None
        assert stopped.pid == running.pid
        assert server.process.wait(PATIENCE) == -signal.SIGKILL
        assert not run_file(location).exists()
