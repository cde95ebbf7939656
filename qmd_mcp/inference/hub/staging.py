"""The staging folder of a model, in which a pull collects files until all of them are there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qmd_mcp.errors import PullError
from qmd_mcp.files.private_files import make_private_folder
from qmd_mcp.inference.hub.pull_lock import LOCK_FILE, Lock, LockedFile

_STAGING, _FORMER = ".partial", ".former"
"""Endings of the staging folder and of the model's former folder while it is being replaced."""


@dataclass(frozen=True, slots=True)
class Staging:
    """Collects the files of a model beside its folder, and replaces the folder when they are complete."""

    folder: Path
    """The model's folder."""

    @property
    def path(self) -> Path:
        """The staging folder."""
        return self.folder.with_name(self.folder.name + _STAGING)

    @property
    def _former(self) -> Path:
        return self.folder.with_name(self.folder.name + _FORMER)

    def collect(self, wanted: Mapping[str, LockedFile]) -> dict[str, LockedFile]:
        """Take over the files that are already on this machine, and return those that must be downloaded."""
        make_private_folder(self.path)
        absent: dict[str, LockedFile] = {}
        for path, file in wanted.items():
            if file.fault(self.path / path) is None:
                continue
            (self.path / path).unlink(missing_ok=True)
            if file.fault(self.folder / path) is None:
                make_private_folder((self.path / path).parent)
                _link(self.folder / path, self.path / path)
            else:
                absent[path] = file
        return absent

    def check_hashes(self, repository: str, wanted: Mapping[str, LockedFile]) -> None:
        """Compare every file with the hub's hash, and delete the first that differs.

        Raises:
            PullError: a file is missing or differs.
        """
        for path, file in wanted.items():
            fault = file.fault(self.path / path)
            if fault is not None:
                (self.path / path).unlink(missing_ok=True)
                raise PullError(repository, reason=f"{path} {fault}; it was deleted, pull again")

    def install(self, lock: Lock) -> None:
        """Write the lock, delete files that it does not list, and put the staging folder in the model's place."""
        lock.write(self.path)
        for path in [path for path in self.path.rglob("*") if path.is_file()]:
            if path.relative_to(self.path).as_posix() not in {*lock.files, LOCK_FILE}:  # of another commit
                path.unlink()
        shutil.rmtree(self._former, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(self._former)
        self.path.rename(self.folder)
        shutil.rmtree(self._former, ignore_errors=True)

    def clear(self) -> None:
        """Delete whatever an interrupted pull has left beside the model's folder."""
        for each in (self.path, self._former):
            shutil.rmtree(each, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it if the file system has no hard links."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
