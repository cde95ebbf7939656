"""Links in the folder of an index, through which files elsewhere would be read, written or deleted."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from qmd_mcp.settings import PROJECT_FOLDER
from tests.security.index.planting import Person, publish, state_of, write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs the right to make links")

PAGES = {"docs/runbook.md": "# Failover\n\nPromote the standby.\n"}


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Person:
    return Person(tmp_path / "home", monkeypatch, capsys)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an index, which is copied for every test."""
    return publish(tmp_path_factory.mktemp("made"), PAGES)


@pytest.fixture
def project(person: Person, made: Path, tmp_path: Path) -> Path:
    """A project whose index is trusted, so that only the links are in the way."""
    folder = tmp_path / "project"
    shutil.copytree(made, folder)
    assert person("trust", "--as-is", "--yes", cwd=folder).code == 0
    return folder


@pytest.fixture
def outside(made: Path, tmp_path: Path) -> Path:
    """Files elsewhere: a start file of the shell, the data of a program, and an index of private notes."""
    folder = write(tmp_path / "outside", {"bashrc": "# mine\n", "data/kept.lance": "kept"})
    shutil.copytree(made / PROJECT_FOLDER, folder / "index")
    for path in (folder / "index").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


@dataclass(frozen=True, slots=True)
class Planted:
    """A link in the folder of an index."""

    name: str
    target: str
    kind: Literal["symbolic", "hard"] = "symbolic"


def linked(path: Path, target: Path, *, kind: Literal["symbolic", "hard"]) -> None:
    """Put a link in the place of a file or folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if kind == "symbolic":
        path.symlink_to(target)
    else:
        path.hardlink_to(target)


@pytest.mark.parametrize(
    "how",
    [pytest.param((), id="found"), pytest.param(("--index", PROJECT_FOLDER), id="named", marks=pytest.mark.attack)],
)
@pytest.mark.parametrize(
    "planted",
    [
        Planted("writer.json", "bashrc"),
        Planted("writer.json", "bashrc", "hard"),
        Planted("writer.lock", "bashrc"),
        Planted("identity", "bashrc"),
        Planted("documents.lance", "index/documents.lance"),
        Planted("documents.lance/data", "data"),
        Planted("documents.lance/extra", "nowhere"),
        Planted("unknown", "data"),
    ],
    ids=str,
)
def test_an_index_with_a_link_in_it_is_neither_read_nor_written(
    person: Person, project: Path, outside: Path, planted: Planted, how: tuple[str, ...]
) -> None:
    linked(project / PROJECT_FOLDER / planted.name, outside / planted.target, kind=planted.kind)
    write(project, {"docs/new.md": "# New\n"})
    before = state_of(outside)
    for arguments in (["update"], ["status"], ["search", "Plan"], ["collection", "remove", "docs"]):
        ended = person(*how, *arguments, cwd=project)
        assert (ended.code, ended.out) == (1, "")
        assert ended.says("is not used"), ended.err
    assert state_of(outside) == before


def test_the_folder_of_a_projects_index_is_no_link(person: Person, project: Path, outside: Path) -> None:
    linked(project / PROJECT_FOLDER, outside / "index", kind="symbolic")
    before = state_of(outside)
    for arguments in (["update"], ["init"], ["trust", "--yes"], ["trust", "--as-is", "--yes"], ["search", "Plan"]):
        ended = person(*arguments, cwd=project)
        assert (ended.code, ended.says(f"{project / PROJECT_FOLDER} is a link")) == (1, True), ended.err
    assert state_of(outside) == before


def test_a_person_may_name_an_index_by_a_link(person: Person, outside: Path, tmp_path: Path) -> None:
    (tmp_path / "shortcut").symlink_to(outside / "index")
    assert "Promote the standby" in person("--index", str(tmp_path / "shortcut"), "search", "standby", cwd=tmp_path).out


def test_init_follows_no_link_that_waits_for_it(person: Person, outside: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    (folder / PROJECT_FOLDER).mkdir(parents=True)
    for name in ("writer.json", "writer.lock", "identity"):
        (folder / PROJECT_FOLDER / name).symlink_to(outside / "bashrc")
    before = state_of(outside)
    ended = person("init", cwd=folder)
    assert (ended.code, ended.says("is not used")) == (1, True), ended.err
    assert state_of(outside) == before


def test_a_link_that_is_planted_while_a_server_is_open_stops_its_next_update(
    person: Person, project: Path, outside: Path
) -> None:
    """Git replaces files that it ignores without a word."""
    import anyio

    from qmd_mcp.application.engine import open_engine
    from qmd_mcp.index_errors import UnsafeIndexError
    from qmd_mcp.settings import locate_index, read_settings

    before = state_of(outside)

    async def serve() -> None:
        settings = read_settings()
        async with open_engine(settings, locate_index(settings, start=project)) as engine:
            linked(project / PROJECT_FOLDER / "documents.lance" / "data", outside / "data", kind="symbolic")
            with pytest.raises(UnsafeIndexError, match="is a link"):
                await engine.writing.update()

    anyio.run(serve)
    assert state_of(outside) == before


def test_a_pipe_in_the_folder_makes_nobody_wait(person: Person, project: Path) -> None:
    (project / PROJECT_FOLDER / "identity").unlink()
    os.mkfifo(project / PROJECT_FOLDER / "identity")
    assert person("status", cwd=project).says("is not used")
    assert person("trust", "--yes", cwd=project).says("neither a file nor a folder")
