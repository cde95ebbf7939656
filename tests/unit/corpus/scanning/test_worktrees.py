"""Git worktrees within a collection."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from qmd_mcp.corpus.scanning.scan import scan
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def entries(root: Path) -> list[str]:
    found = scan(Collection("notes", root, ("**/*.md",)))
    return [f"{entry.path}: {entry.reason}" if isinstance(entry, Skip) else entry.path for entry in found]


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def checkout(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "a.md").write_text("text")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")
    return folder


def marked(folder: Path, target: str) -> None:
    """A folder with one page that says where its repository is."""
    folder.mkdir(parents=True)
    (folder / "a.md").write_text("text")
    (folder / ".git").write_text(f"gitdir: {target}\n")


@needs_git
@pytest.mark.parametrize("place", ["w1", ".claude/worktrees/w1", "deep/er/w1"])
def test_a_worktree_of_the_checkout_around_it_is_left_out_with_its_reason(tmp_path: Path, place: str) -> None:
    root = checkout(tmp_path / "root")
    git(root, "worktree", "add", "--quiet", place)
    assert sorted(entries(root)) == sorted([f"{place}/: a git worktree of another checkout", "a.md"])


@needs_git
def test_a_worktree_beside_its_checkout_is_left_out(tmp_path: Path) -> None:
    main = checkout(tmp_path / "main")
    git(main, "worktree", "add", "--quiet", "../topic")
    assert entries(tmp_path) == ["main/a.md", "topic/: a git worktree of another checkout"]


@needs_git
def test_a_worktree_is_indexed_where_it_is_the_root_of_the_collection(tmp_path: Path) -> None:
    main = checkout(tmp_path / "main")
    git(main, "worktree", "add", "--quiet", "../topic")
    assert entries(tmp_path / "topic") == ["a.md"]


@needs_git
def test_worktrees_whose_checkout_is_elsewhere_or_nowhere_are_indexed(tmp_path: Path) -> None:
    main = checkout(tmp_path / "elsewhere/main")
    git(main, "clone", "--quiet", "--bare", ".", str(tmp_path / "root/bare.git"))
    git(main, "worktree", "add", "--quiet", str(tmp_path / "root/topic"))
    git(tmp_path / "root/bare.git", "worktree", "add", "--quiet", "../other")
    assert entries(tmp_path / "root") == ["other/a.md", "topic/a.md"]


@needs_git
def test_submodules_are_indexed_and_a_worktree_of_one_is_not(tmp_path: Path) -> None:
    library, root = checkout(tmp_path / "library"), checkout(tmp_path / "root")
    git(root, "submodule", "--quiet", "add", str(library), "module")
    git(root / "module", "worktree", "add", "--quiet", str(root / "copy"))
    assert entries(root) == ["a.md", "copy/: a git worktree of another checkout", "module/a.md"]


@pytest.mark.parametrize(
    ("target", "left_out"),
    [
        ("/gone/.git/worktrees/w", True),
        ("../.git/worktrees/w", True),
        ("C:\\gone\\.git\\worktrees\\w", True),
        ("../.git/modules/w", False),
        ("../.git/modules/worktrees", False),
        ("/gone/worktrees/main/.git", False),
        ("", False),
        ("x" * 100_000, False),
        ("a\0b/worktrees/w", False),
    ],
)
def test_the_file_of_a_worktree_decides_where_its_repository_is_gone(
    tmp_path: Path, target: str, *, left_out: bool
) -> None:
    marked(tmp_path / "w", target)
    assert entries(tmp_path) == ["w/: a git worktree of another checkout" if left_out else "w/a.md"]


def test_a_file_of_another_form_is_no_sign_of_a_worktree(tmp_path: Path) -> None:
    marked(tmp_path / "w", "x")
    (tmp_path / "w/.git").write_bytes(b"\xff\0 gitdir: /gone/.git/worktrees/w")
    assert entries(tmp_path) == ["w/a.md"]
