"""What a client may learn of the machine, and every error as one line that hides nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Protocol

from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.errors import QmdError, SetupError

_ABSOLUTE = re.compile(r"(?<![\w:/.…])(?:[A-Za-z]:[\\/]|\\\\|/)[^\s'\"<>|:;,()]+")


class Disclosure(Protocol):
    """Decides how much of the machine answers and errors show."""

    def status(self, status: IndexStatus) -> IndexStatus:
        """Return the status as this client may see it."""
        ...

    def sentence(self, error: QmdError) -> str:
        """Return the error's sentence as this client may read it, on one line whatever the names in it are."""
        ...


class Everything:
    """Shows everything, for a server on standard input and output, whose agent can read the same files anyway."""

    def status(self, status: IndexStatus) -> IndexStatus:
        """Return the status unchanged."""
        return status

    def sentence(self, error: QmdError) -> str:
        """Return the whole sentence."""
        return str(error)


class NoPaths:
    """Shows only the last name of an absolute path, for HTTP, where anybody on the machine or beyond may ask."""

    def status(self, status: IndexStatus) -> IndexStatus:
        """Return the status with the last names of the index and of the roots."""
        return replace(
            status,
            index=_last_name(status.index),
            collections=tuple(replace(each, root=_last_name(each.root)) for each in status.collections),
        )

    def sentence(self, error: QmdError) -> str:
        """Return the sentence; paths are cut from what the operator must change, not from what the caller wrote."""
        return without_paths(str(error)) if isinstance(error, SetupError) else str(error)


def without_paths(text: str) -> str:
    """Cut every absolute path in a text to its last name."""
    return _ABSOLUTE.sub(lambda found: _last_name(found[0]), text)


def _last_name(path: str) -> str:
    name = re.split(r"[\\/]", path.rstrip("\\/"))[-1]
    return f"…/{name}" if name != path else name
