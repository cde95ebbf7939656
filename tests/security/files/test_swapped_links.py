"""Links that are swapped into a path while it is read."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qmd_mcp.corpus.scanning.disk_files import read_file
from qmd_mcp.corpus.scanning.scan import ScannedFile, scan
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")

SWAPPER = """
import os, sys
place, link, away = sys.argv[1:]
print("swapping", flush=True)
while True:
    os.rename(place, away)
    os.rename(link, place)
    os.rename(place, link)
    os.rename(away, place)
"""

SHORT, LONG = 1_000, 50_000
"""Reads of one attack. Before links were refused while opening, one of 200 reads got the file outside."""

attempts = pytest.mark.parametrize("attempts", [SHORT, pytest.param(LONG, marks=pytest.mark.attack)])
places = pytest.mark.parametrize("place", ["sub", "sub/a.md"], ids=["a folder", "a file"])


@contextmanager
def swapping(root: Path, place: str) -> Generator[None]:
    """Let another process swap a link to the outside into a place and out again, without end."""
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "a.md").write_text("secret!")
    (outside / "plan.md").write_text("secret!")
    (outside / "a.md").chmod(0o600)
    (root / "sub").mkdir(parents=True)
    (root / "sub/a.md").write_text("inside")
    (root / "link").symlink_to(outside if place == "sub" else outside / "a.md")
    command = [sys.executable, "-I", "-S", "-c", SWAPPER, place, "link", "away"]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as swapper:
        assert swapper.stdout is not None
        swapper.stdout.readline()
        try:
            yield
        finally:
            swapper.kill()


@places
@attempts
def test_no_read_gets_the_file_that_a_link_leads_to(tmp_path: Path, place: str, attempts: int) -> None:
    answers = Counter[str]()
    with swapping(tmp_path / "root", place):
        for _ in range(attempts):
            read = read_file(tmp_path / "root", "sub/a.md", max_bytes=100)
            answers[read.reason if isinstance(read, Skip) else read.data.decode()] += 1
    assert set(answers) <= {"inside", "a link in its path", "missing"}
    assert answers["inside"]


@attempts
def test_no_walk_through_a_folder_lists_what_a_link_leads_to(tmp_path: Path, attempts: int) -> None:
    found = Counter[str]()
    collection = Collection("notes", tmp_path / "root", ("**/*.md",))
    with swapping(tmp_path / "root", "sub"):
        for _ in range(attempts // 20):
            found.update(each.path for each in scan(collection) if isinstance(each, ScannedFile))
    assert {path.rpartition("/")[2] for path in found} == {"a.md"}
