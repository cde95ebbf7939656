"""Reading git's own list of files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from qmd_mcp.files.git_index import is_tracked

LONG = f"{'y' * 200}/{'z' * 200}"
"""A path whose length does not fit into one byte."""

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def git(folder: Path, *arguments: str) -> None:
    nowhere = {"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    subprocess.run(["git", *arguments], cwd=folder, env=nowhere, check=True, capture_output=True)


@pytest.mark.parametrize("version", ["2", "3", "4"])
@pytest.mark.parametrize("hashes", ["sha1", "sha256"])
def test_what_git_tracks_is_known_in_every_format(tmp_path: Path, version: str, hashes: str) -> None:
    git(tmp_path, "init", f"--object-format={hashes}")
    git(tmp_path, "config", "index.version", version)
    for name in (
        ".qmd-mcp/a.lance/1.manifest",
        ".qmd-mcp.txt",
        ".qmd-mco",
        "sub/.qmd-mcp/x",
        LONG,
        "late",
        "ä.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    git(tmp_path, "add", ".qmd-mcp.txt", ".qmd-mco", "sub", LONG, "ä.md")
    git(tmp_path, "add", "--intent-to-add", "late")  # has flags of version 3
    git(tmp_path, "update-index", "--index-version", version)
    assert not is_tracked(tmp_path / ".qmd-mcp")
    assert is_tracked(tmp_path / "sub" / ".qmd-mcp")
    git(tmp_path, "add", ".qmd-mcp")
    assert is_tracked(tmp_path / ".qmd-mcp")


@pytest.mark.parametrize("version", ["2", "4"])
def test_a_name_in_other_letters_is_the_same_folder_where_the_file_system_says_so(tmp_path: Path, version: str) -> None:
    git(tmp_path, "init")
    (tmp_path / "Notes" / ".QMD-MCP").mkdir(parents=True)
    (tmp_path / "Notes" / ".QMD-MCP" / "x").write_text("x")
    git(tmp_path, "add", ".")
    git(tmp_path, "update-index", "--index-version", version)
    assert is_tracked(tmp_path / "notes" / ".qmd-mcp")


def test_a_worktree_and_a_split_list_are_known_too(tmp_path: Path) -> None:
    main = tmp_path / "main"
    (main / ".qmd-mcp").mkdir(parents=True)
    (main / ".qmd-mcp" / "x").write_text("x")
    git(main, "init")
    git(main, "add", ".")
    git(main, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-m", "x")
    git(main, "worktree", "add", str(tmp_path / "tree"))
    assert is_tracked(tmp_path / "tree" / ".qmd-mcp")
    git(main, "update-index", "--split-index")
    assert is_tracked(main / ".qmd-mcp")


def test_no_content_of_the_list_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for content in (
        b"",
        b"DIRC",
        b"DIRC\0\0\0\4\xff\xff\xff\xff" + bytes(100),
        b"DIRC\0\0\0\2\0\0\0\1a/.qmd-mcp/",
        b"x" * 99,
    ):
        (tmp_path / ".git" / "index").write_bytes(content)
        assert not is_tracked(tmp_path / ".qmd-mcp")
    assert not is_tracked(Path("/nonexistent/.qmd-mcp"))
