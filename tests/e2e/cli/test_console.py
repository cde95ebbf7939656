"""What the program prints where the console does not know every character."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-8", "gbk"])
def test_chinese_is_printed_in_whatever_encoding_and_json_stays_json(encoding: str) -> None:
    """As Windows' code page for Western Europe, cp1252, has none."""
    done = subprocess.run(
        [sys.executable, "-m", "qmd_mcp", "--index", "/缓存", "client-config", "claude"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (0, 1)
    configured = json.loads(done.stdout.decode(encoding))
    assert "/缓存" in configured["mcpServers"]["qmd-mcp"]["args"]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_an_error_about_a_chinese_name_is_one_line(encoding: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "qmd_mcp", "--index", str(tmp_path / "缓存"), "search", "x"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONIOENCODING": f"{encoding}:strict"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"\\u7f13\\u5b58 is not a qmd-mcp index: " in done.stderr
