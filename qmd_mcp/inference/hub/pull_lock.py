"""The lock of a pulled model: commit and hashes, written when all files are there, so that half a pull is no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from qmd_mcp.files.private_files import write_private

LOCK_FILE = "qmd-mcp.lock.json"
_BLOCK = 1024 * 1024
"""Bytes that are read at a time."""


class LockedFile(BaseModel):
    """Size and hash of one file on the hub."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$")] = None
    """The hash of a file in large-file storage."""
    git_sha1: Annotated[str | None, Field(pattern="^[0-9a-f]{40}$")] = None
    """The hash of any other file: that of git, over a header and the content."""

    def fault(self, path: Path) -> str | None:
        """Return what is wrong with a file on disk, or None if it is the hub's."""
        if not path.is_file():
            return "is missing"
        size = path.stat().st_size
        if size != self.size:
            return f"has {size:,} bytes instead of {self.size:,}"
        # SHA-1 is git's own hash; it detects damage; that the file is genuine is left to the hub in any case
        digest = hashlib.sha256() if self.sha256 else hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return None if digest.hexdigest() == (self.sha256 or self.git_sha1) else "has another hash than the hub's"


class Lock(BaseModel):
    """What was pulled from a repository."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str
    revision: str
    """The branch, tag or commit that was asked for."""
    commit: str
    files: Mapping[str, LockedFile]

    def write(self, folder: Path) -> None:
        """Write the lock into the folder of the files."""
        text = json.dumps(self.model_dump(mode="json", exclude_none=True), indent=2, sort_keys=True)
        write_private(folder / LOCK_FILE, f"{text}\n".encode())


def read_lock(folder: Path) -> Lock | None:
    """Read the lock of a folder, or return None if there is none, which means that the folder holds no model."""
    try:
        return Lock.model_validate_json((folder / LOCK_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # not there, no UTF-8, or no lock
        return None
