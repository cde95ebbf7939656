"""The lock of an index that this user may only read."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qmd_mcp.cli import run
from qmd_mcp.index_errors import ReadOnlyIndexError, StoreError, WriterBusyError
from qmd_mcp.store.writer_lock import WriterLock

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="permissions as POSIX has them"),
]

NOBODY = 65_534


@contextmanager
def only_reading(folder: Path) -> Generator[None]:
    """Take the right to write away from everything in a folder; root is somebody else meanwhile."""
    before = {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}
    user = os.geteuid()
    for path, mode in before.items():
        path.chmod(mode & ~0o222 | 0o444 | (0o111 if path.is_dir() else 0))
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        for path, mode in before.items():
            path.chmod(mode)


@pytest.fixture
def folder() -> Generator[Path]:
    """A folder that everybody can reach, unlike pytest's own."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


async def test_an_index_that_cannot_be_written_is_said_in_one_sentence(folder: Path) -> None:
    uri = str(folder)
    with only_reading(folder), pytest.raises(ReadOnlyIndexError) as raised:
        async with WriterLock(uri).held(wait_seconds=0):
            pass
    assert str(raised.value) == (
        f"The index {uri} cannot be written: permission denied. Give yourself write access to its folder, or choose "
        f"another index with --index."
    )


async def test_an_index_that_is_gone_is_not_made_again_by_its_lock(folder: Path) -> None:
    uri = str(folder / "gone")
    with pytest.raises(StoreError, match=f"The index {uri} is gone: its folder has been deleted"):
        async with WriterLock(uri).held(wait_seconds=0):
            pass
    assert not Path(uri).exists()


@pytest.mark.parametrize("spelling", ["file://{}", "file://localhost{}", "{}/", "{}/x/..", "{}/../index", "{}/../link"])
async def test_an_index_is_locked_once_under_all_its_spellings(folder: Path, spelling: str) -> None:
    index = folder / "index"
    index.mkdir()
    (folder / "link").symlink_to(index)
    async with WriterLock(str(index)).held():
        with pytest.raises(WriterBusyError, match=f"The index {index} is being written by process {os.getpid()}"):
            async with WriterLock(spelling.format(index)).held(wait_seconds=0):
                pass


async def test_one_whose_holder_cannot_be_noted_is_not_held(folder: Path) -> None:
    """As where the lock's file alone can be written."""
    (folder / "writer.json").mkdir()
    for _ in range(2):
        with pytest.raises(ReadOnlyIndexError):
            async with WriterLock(str(folder)).held(wait_seconds=0):
                pass


async def test_who_writes_is_told_while_it_writes_and_not_after_it_died(folder: Path) -> None:
    uri = str(folder)
    assert WriterLock(uri).writing_now() is None
    async with WriterLock(uri).held():
        assert str(WriterLock(uri).writing_now()).startswith(f"process {os.getpid()} (since ")
        with pytest.raises(WriterBusyError, match=f"process {os.getpid()}"):
            async with WriterLock(uri).held(wait_seconds=0):
                pass
    assert WriterLock(uri).writing_now() is None
    (folder / "writer.json").write_text('{"pid": 1, "since": "2026-01-01 00:00:00"}')  # its holder was killed
    assert WriterLock(uri).writing_now() is None


def test_every_command_that_writes_says_so_and_those_that_read_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DATA", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(folder / name.lower()))
    notes, index = folder / "notes", folder / "index"
    notes.mkdir()
    (notes / "failover.md").write_text("# Failover\n\nPromote the standby.\n")
    assert run(["--index", str(index), "collection", "add", str(notes)]) == 0
    (notes / "soup.md").write_text("# Soup\n\nSimmer the lentils.\n")
    (folder / "other").mkdir()
    writing = [
        ["update"],
        ["embed"],
        ["collection", "add", str(folder / "other")],
        ["collection", "remove", "notes"],
        ["collection", "rename", "notes", "texts"],
        ["context", "add", "qmd://notes", "Notes of the operations team"],
    ]
    with only_reading(index):
        for arguments in writing:
            capsys.readouterr()
            code = run(["--index", str(index), *arguments])
            said = capsys.readouterr().err.splitlines()
            sentence = str(ReadOnlyIndexError(str(index), reason="permission denied"))
            assert (code, said[-1:]) == (1, [f"qmd-mcp: {sentence}"]), arguments
        assert run(["--index", str(index), "search", "standby"]) == 0
        assert "failover.md" in capsys.readouterr().out
