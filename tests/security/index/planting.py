"""Projects as a stranger prepares them, and a second user of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from qmd_mcp.cli import run
from qmd_mcp.store.lance.database import Database

STRANGER = 65_534
"""Another user of the machine: `nobody`."""

two_users = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can start a process as another user"
)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def says(self, *words: str) -> bool:
        """Whether it is one sentence on standard error that has all of these words."""
        return self.err.count("\n") == 1 and all(word in self.err for word in words)


class Person:
    """Somebody with a home folder of their own, who runs commands in this process."""

    def __init__(self, home: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._patch = patch
        self._capture = capture
        home.mkdir(exist_ok=True)
        for name in [name for name in os.environ if name.startswith("QMD_")]:
            patch.delenv(name)
        for name, value in environment(home).items():
            patch.setenv(name, value)

    def __call__(self, *arguments: str, cwd: Path) -> Ended:
        self._patch.chdir(cwd)
        self._capture.readouterr()
        code = run(arguments)
        written = self._capture.readouterr()
        return Ended(code, written.out, written.err)


def environment(home: Path) -> Mapping[str, str]:
    """Where the files of a person are."""
    return {"HOME": str(home), **{f"XDG_{name}_HOME": str(home / name.lower()) for name in ("DATA", "CONFIG", "CACHE")}}


def command(*arguments: str, home: Path, cwd: Path, umask: int) -> Ended:
    """Run a command as a process, whose umask is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "qmd_mcp", *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **environment(home)},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


@contextmanager
def as_stranger() -> Generator[None]:
    """Be another user meanwhile."""
    os.seteuid(STRANGER)
    try:
        yield
    finally:
        os.seteuid(0)


def publish(folder: Path, pages: Mapping[str, str]) -> Path:
    """A project with an index of its `docs`, made by somebody else."""
    project = write(folder / "project", pages)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(folder / "author").items():
            patch.setenv(name, value)
        patch.chdir(project)
        assert run(["init"]) == 0
        assert run(["collection", "add", "docs", "--name", "docs", "--no-embed"]) == 0
    return project


async def poison(index: Path, table: str, values: dict[str, str]) -> None:
    """Change rows of a table, as whoever publishes an index can."""
    database = await Database.open(str(index))
    name = next(name for name in sorted((await database.connection.list_tables()).tables) if name.startswith(table))
    await (await database.connection.open_table(name)).update(values)
    database.close()


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write text files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def state_of(folder: Path) -> Mapping[str, tuple[int, bytes]]:
    """Every file below a folder: its mode and its content."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): (path.stat().st_mode, path.read_bytes()) for path in files}


def contents_of(folder: Path) -> Mapping[str, bytes]:
    """The content of every file below a folder."""
    return {name: content for name, (_, content) in state_of(folder).items()}
