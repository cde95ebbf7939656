"""What was pulled: written beside a model's files when they are all there, so that half a pull is no model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

LOCK_FILE = "qmd-mcp.lock.json"
_BLOCK = 1024 * 1024
"""Bytes that are hashed at a time."""


class LockedFile(BaseModel):
    """One file as the hub has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str | None = None
    """Of files in large-file storage."""
    git_sha1: str | None = None
    """Of the others: git's hash, over a header and the content."""

    def fault(self, path: Path) -> str | None:
        """What is wrong with a file on disk; null if nothing is."""
        if not path.is_file():
            return "is missing"
        size = path.stat().st_size
        if size != self.size:
            return f"has {size:,} bytes instead of {self.size:,}"
        # git's own hash: nothing is secured by it that the hub does not sign for
        digest = hashlib.sha256() if self.sha256 else hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return None if digest.hexdigest() == (self.sha256 or self.git_sha1) else "has another hash than the hub's"


class Lock(BaseModel):
    """The state of a repository that was pulled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str
    revision: str
    """As it was asked for."""
    commit: str
    files: Mapping[str, LockedFile]

    def write(self, folder: Path) -> None:
        """Put it beside the files."""
        text = json.dumps(self.model_dump(mode="json", exclude_none=True), indent=2, sort_keys=True)
        (folder / LOCK_FILE).write_text(text + "\n", encoding="utf-8")


def read_lock(folder: Path) -> Lock | None:
    """The lock of a folder; null where none is, which means that no model is."""
    try:
        return Lock.model_validate_json((folder / LOCK_FILE).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None
