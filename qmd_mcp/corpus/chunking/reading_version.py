"""By which version of reading and cutting a document was indexed, and what became of the secrets in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from qmd_mcp.corpus.chunking.chunker import READING
from qmd_mcp.corpus.scanning.disk_files import Secrets

_SUFFIXES: Final[dict[Secrets, str]] = {"redact": " redacted", "keep": " kept"}


def reading_of(kinds: Sequence[str], secrets: Secrets) -> str:
    """The version for a document in whose file these kinds of secrets were found."""
    return READING + (_SUFFIXES[secrets] if kinds else "")


def is_current(reading: str, secrets: Secrets) -> bool:
    """Whether a document would be read and cut in the same way now."""
    return reading in {READING, READING + _SUFFIXES[secrets]}


def is_redacted(reading: str) -> bool:
    """Whether secrets were replaced in the text of a document."""
    return reading.endswith(_SUFFIXES["redact"])
