"""The index of one's own project, which neither git nor sudo makes somebody else's."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.security.index.planting import STRANGER, Person, two_users, write

PAGES = {"docs/runbook.md": "# Failover\n\nPromote the standby.\n"}


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Person:
    return Person(tmp_path / "home", monkeypatch, capsys)


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_an_index_of_ones_own_is_no_part_of_the_project(person: Person, tmp_path: Path) -> None:
    project = write(tmp_path / "mine", PAGES)
    assert person("init", cwd=project).code == 0
    for arguments in (["init"], ["add", "--all"]):
        subprocess.run(["git", *arguments], cwd=project, check=True, capture_output=True)
    assert person("status", cwd=project).code == 0


@two_users
def test_root_does_not_write_into_the_index_of_the_user_who_called_sudo(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write(tmp_path / "mine", PAGES)
    assert person("init", cwd=project).code == 0
    for path in (project, *project.rglob("*")):
        os.chown(path, STRANGER, STRANGER)
    monkeypatch.setenv("SUDO_UID", str(STRANGER))
    assert person("collection", "add", "docs", "--no-embed", cwd=project).says("Leave sudo out")
    assert person("collection", "list", cwd=project).code == 0
