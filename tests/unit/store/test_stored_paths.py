"""Paths in the index."""

from __future__ import annotations

from pathlib import PureWindowsPath

from qmd_mcp.domain.documents import Collection
from qmd_mcp.store.lance.schema import collection_row


def test_a_root_is_stored_with_slashes_so_that_every_operating_system_reads_it() -> None:
    """The index of a project is cloned with it."""
    root = PureWindowsPath("docs\\handbook")
    row = collection_row(Collection("notes", root=root, globs=("**/*.md",)))
    assert row["root"] == "docs/handbook"
