"""Opening files below a folder without following a link, in each way that a system may offer."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from qmd_mcp.files.beneath import (
    CAN_WALK,
    Opener,
    by_comparing,
    by_openat2,
    by_walking,
    folder_beneath,
    open_beneath,
    state_beneath,
)

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")


def has_openat2() -> bool:
    try:
        os.close(by_openat2("/", (), os.O_RDONLY))
    except OSError:
        return False
    return True


openers = pytest.mark.parametrize(
    "opener",
    [
        pytest.param(by_openat2, marks=pytest.mark.skipif(not has_openat2(), reason="needs Linux 5.6")),
        pytest.param(by_walking, marks=pytest.mark.skipif(not CAN_WALK, reason="needs openat")),
        by_comparing,
    ],
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with files and links, beside another one."""
    root = tmp_path / "root"
    (root / "sub/deep").mkdir(parents=True)
    (root / "sub/deep/a.md").write_text("inside")
    (root / "b.md").write_text("top")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a.md").write_text("outside")
    if sys.platform != "win32":
        (root / "file").symlink_to(tmp_path / "outside/a.md")
        (root / "folder").symlink_to(tmp_path / "outside")
        (root / "sub/near").symlink_to("deep")
        (root / "sub/same.md").symlink_to("deep/a.md")
        (root / "loop").symlink_to("loop")
        (root / "nowhere").symlink_to("gone")
    return root


def text(descriptor: int) -> str:
    with os.fdopen(descriptor) as file:
        return file.read()


@openers
def test_what_lies_below_is_opened(opener: Opener, root: Path) -> None:
    assert text(opener(str(root), ("sub", "deep", "a.md"), os.O_RDONLY)) == "inside"
    assert text(opener(str(root), ("b.md",), os.O_RDONLY)) == "top"


@openers
@needs_links
@pytest.mark.parametrize(
    "path", ["file", "folder/a.md", "sub/near/a.md", "sub/same.md", "loop", "nowhere/a.md", "file/x", "sub/near"]
)
@pytest.mark.parametrize("flags", ["O_RDONLY", "O_PATH"])
def test_no_link_is_followed_wherever_it_leads(opener: Opener, root: Path, path: str, flags: str) -> None:
    with pytest.raises(OSError, match=r"\w") as raised:
        opener(str(root), tuple(path.split("/")), getattr(os, flags, os.O_RDONLY))
    assert raised.value.errno in {errno.ELOOP, errno.ENOENT, errno.ENOTDIR}
    if opener is not by_comparing:
        assert raised.value.errno == errno.ELOOP


@openers
@pytest.mark.parametrize(("path", "fault"), [("gone.md", errno.ENOENT), ("b.md/x", errno.ENOTDIR)])
def test_what_is_not_there_is_said_so(opener: Opener, root: Path, path: str, fault: int) -> None:
    with pytest.raises(OSError, match=r"\w") as raised:
        opener(str(root), tuple(path.split("/")), os.O_RDONLY)
    assert raised.value.errno == fault


@needs_links
def test_the_folder_itself_may_be_a_link(root: Path) -> None:
    (root.parent / "again").symlink_to(root)
    assert text(open_beneath(root.parent / "again", "b.md")) == "top"


@pytest.mark.parametrize("path", ["../outside/a.md", "sub/../../outside/a.md", "/etc/hosts", "a\0b"])
def test_a_path_that_leads_out_is_refused_before_anything_is_opened(root: Path, path: str) -> None:
    with pytest.raises(OSError, match=r"\w") as raised:
        open_beneath(root, path)
    assert raised.value.errno == errno.EXDEV


def test_every_refusal_leaves_no_descriptor_open(root: Path) -> None:
    first = os.open(root / "b.md", os.O_RDONLY)
    os.close(first)
    for path in ("file", "folder/a.md", "gone.md", "b.md/x", "../x", "sub/near/a.md"):
        for opener in (open_beneath, lambda folder, name: by_walking(str(folder), tuple(name.split("/")), os.O_RDONLY)):
            with pytest.raises(OSError, match=r"\w"):
                opener(root, path)
    state_beneath(root, "b.md")
    with folder_beneath(root, "sub"):
        pass
    again = os.open(root / "b.md", os.O_RDONLY)
    os.close(again)
    assert again == first


def test_the_state_of_a_file_is_that_of_the_file(root: Path) -> None:
    assert state_beneath(root, "sub/deep/a.md") == (root / "sub/deep/a.md").stat()


@needs_links
def test_a_folder_is_listed_unless_a_link_leads_to_it(root: Path) -> None:
    with folder_beneath(root, "sub/deep") as folder, os.scandir(folder) as entries:
        assert [entry.name for entry in entries] == ["a.md"]
    with folder_beneath(root, "") as folder, os.scandir(folder) as entries:
        assert "b.md" in {entry.name for entry in entries}
    with pytest.raises(OSError, match=r"\w"), folder_beneath(root, "folder"):
        pass
