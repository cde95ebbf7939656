"""Files and folders for their owner alone, written whole and never through a link."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from qmd_mcp.files.private_files import LARGEST, make_private, make_private_folder, read_private, write_private

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes, pipes, or links for everybody")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@posix
@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_what_is_made_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        make_private_folder(tmp_path / "a" / "b")
        write_private(tmp_path / "a" / "b" / "c", b"x")
    finally:
        os.umask(before)
    assert [mode_of(tmp_path / name) for name in ("a", "a/b", "a/b/c")] == [0o700, 0o700, 0o600]
    assert read_private(tmp_path / "a" / "b" / "c") == b"x"


@posix
def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match="symbolic"):
        read_private(tmp_path / "link")
    with pytest.raises(OSError, match="symbolic"):
        make_private(tmp_path / "link")
    write_private(tmp_path / "link", b"ours")
    assert ((tmp_path / "mine").read_bytes(), (tmp_path / "link").read_bytes()) == (b"mine", b"ours")
    assert not (tmp_path / "link").is_symlink()


@posix
def test_a_pipe_a_folder_and_a_file_that_is_too_large_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "large").write_bytes(bytes(LARGEST + 1))
    for name in ("pipe", "folder", "large", "nothing"):
        with pytest.raises(OSError):  # noqa: PT011  which one is the operating system's choice
            read_private(tmp_path / name)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):  # noqa: PT011  which one is the operating system's choice
        write_private(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_who_reads_while_it_is_written_reads_one_whole_content(tmp_path: Path) -> None:
    contents = [character * 100_000 for character in (b"a", b"b")]
    write_private(tmp_path / "file", contents[0])
    done = threading.Event()

    def write() -> None:
        for number in range(50):
            write_private(tmp_path / "file", contents[number % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert read_private(tmp_path / "file") in contents
    writer.join()
