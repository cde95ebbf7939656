"""What in a folder leads out of it, or is somebody else's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from qmd_mcp.files.links import examine
from qmd_mcp.files.owners import belongs_to_me, others_may_write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs the right to make links, and modes")

as_root = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "index"
    (made / "table" / "data").mkdir(parents=True)
    (made / "table" / "data" / "1").write_text("x")
    return made


@pytest.mark.parametrize("place", [".", "table", "table/data"])
def test_a_link_at_any_depth_is_found(folder: Path, place: str) -> None:
    assert examine(folder).fault is None
    (folder / place / "extra").symlink_to(folder / "table")  # a link inside is a link too
    assert examine(folder).fault == f"{folder / place / 'extra'} is a link"


def test_a_folder_that_is_a_link_itself_is_found(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert examine(tmp_path / "link").fault == f"{tmp_path / 'link'} is a link"


def test_a_file_with_two_names_is_one_of_the_folder_only_if_both_are_in_it(folder: Path, tmp_path: Path) -> None:
    """While LanceDB commits, a file may have two names for an instant."""
    file = folder / "table" / "data" / "1"
    (folder / "second").hardlink_to(file)
    assert examine(folder).fault is None
    (tmp_path / "outside").hardlink_to(file)
    assert str(examine(folder).fault).endswith("which has another name outside")


@as_root
def test_what_another_user_made_is_found(folder: Path) -> None:
    os.chown(folder / "table" / "data" / "1", 65_534, 65_534)
    assert examine(folder).fault == f"{folder / 'table' / 'data' / '1'} belongs to another user of this machine"


def test_what_others_may_write_or_see_is_named(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    (folder / "table").chmod(0o755)
    (folder / "table" / "data" / "1").chmod(0o606)
    examined = examine(folder)
    assert examined.writable == (folder / "table" / "data" / "1",)
    assert examined.visible == (folder / "table", folder / "table" / "data" / "1")


@as_root
def test_root_relies_on_who_called_it_with_sudo_and_on_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    os.chown(tmp_path / "file", 4_321, 4_321)
    state = (tmp_path / "file").lstat()
    assert not belongs_to_me(state)
    monkeypatch.setenv("SUDO_UID", "1234")
    assert not belongs_to_me(state)
    monkeypatch.setenv("SUDO_UID", "4321")
    assert belongs_to_me(state)


@as_root
def test_a_group_is_the_owners_own_only_if_it_has_the_owners_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o660)
    assert not others_may_write((tmp_path / "file").lstat())  # root's group is root
    os.chown(tmp_path / "file", 0, 54_321)
    assert others_may_write((tmp_path / "file").lstat())
