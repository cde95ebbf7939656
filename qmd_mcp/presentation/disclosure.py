"""What a client may learn of the machine, and every error as one line that hides nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Protocol

from qmd_mcp.domain.index_status import IndexStatus
from qmd_mcp.errors import QmdError, SetupError
from qmd_mcp.presentation.quotation import one_line

_ABSOLUTE = re.compile(r"(?<![\w:/.…])(?:[A-Za-z]:[\\/]|\\\\|/)[^\s'\"<>|:;,()]+")


class Disclosure(Protocol):
    """Decides how much of the machine an answer shows."""

    def status(self, status: IndexStatus) -> IndexStatus:
        """The status as this client may see it."""
        ...

    def sentence(self, error: QmdError) -> str:
        """The error's sentence as this client may read it, on one line whatever the files are called that it names."""
        ...


class Everything:
    """For the person's own process, on standard input and output: an agent there reads the same files anyway."""

    def status(self, status: IndexStatus) -> IndexStatus:
        """The status as it is."""
        return status

    def sentence(self, error: QmdError) -> str:
        """The whole sentence."""
        return one_line(str(error))


class NoPaths:
    """For HTTP, where anybody on the machine or beyond may ask: of an absolute path, only the last name is shown."""

    def status(self, status: IndexStatus) -> IndexStatus:
        """The status with the index and the roots by their last names."""
        return replace(
            status,
            index=_last_name(status.index),
            collections=tuple(replace(each, root=_last_name(each.root)) for each in status.collections),
        )

    def sentence(self, error: QmdError) -> str:
        """The sentence; what the operator must change is shown without its path, what the caller wrote as it was."""
        return one_line(without_paths(str(error)) if isinstance(error, SetupError) else str(error))


def without_paths(text: str) -> str:
    """Every absolute path by its last name."""
    return _ABSOLUTE.sub(lambda found: _last_name(found[0]), text)


def _last_name(path: str) -> str:
    name = re.split(r"[\\/]", path.rstrip("\\/"))[-1]
    return f"…/{name}" if name != path else name
