"""Files with several names in a collection."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from qmd_mcp.cli.terminal import summary_lines
from qmd_mcp.corpus.indexing.update_summary import UpdateSummary, total
from qmd_mcp.corpus.scanning.disk_files import FileContent, read_file
from qmd_mcp.corpus.scanning.scan import ScannedFile, scan
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="users have no numbers on Windows")

OTHER = 65_534


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.md").write_text("text")
    (tmp_path / "outside.md").write_text("outside")
    os.link(tmp_path / "outside.md", tmp_path / "notes/b.md")
    return tmp_path / "notes"


def test_ones_own_file_with_several_names_is_read_and_counted(notes: Path) -> None:
    found = [each for each in scan(Collection("notes", notes, ("*.md",))) if isinstance(each, ScannedFile)]
    assert [(each.path, each.names) for each in found] == [("a.md", 1), ("b.md", 2)]
    assert isinstance(read_file(notes, "b.md", max_bytes=100), FileContent)
    told = "\n".join(summary_lines(total([UpdateSummary(hard_links=1), UpdateSummary(hard_links=2)])))
    assert "3 files have several names (hard links)" in told


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_the_file_of_somebody_else_with_several_names_is_left_out(notes: Path) -> None:
    os.chown(notes / "b.md", OTHER, OTHER)
    os.chown(notes / "a.md", OTHER, OTHER)  # with one name it is an ordinary file of a shared folder
    reason = "another user's hard link"
    found = [each.path if isinstance(each, ScannedFile) else each for each in scan(Collection("n", notes, ("*.md",)))]
    assert found == ["a.md", Skip("b.md", reason)]
    assert read_file(notes, "b.md", max_bytes=100) == Skip("b.md", reason)
