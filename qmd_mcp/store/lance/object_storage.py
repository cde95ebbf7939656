"""The errors of an index on object storage, as sentences."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

from qmd_mcp.errors import NotAnIndexError, first_line
from qmd_mcp.settings import is_local

_PLACE_IN_RUST = re.compile(r",? ?\(?/[^\s,]+\.rs:\d+.*", re.DOTALL)
_KIND = re.compile(r"(lance error: )?(LanceError\(\w+\): )?")


@contextmanager
def translated_errors(uri: str) -> Generator[None]:
    """Turn what LanceDB says of a remote place into an error of one sentence.

    Raises:
        NotAnIndexError: the place cannot be reached, is no bucket, or the credentials do not fit.
    """
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:
        if is_local(uri):
            raise
        said = _PLACE_IN_RUST.sub("", _KIND.sub("", first_line(error), count=1))
        reason = f"it cannot be reached ({said.rstrip('.')}); check --index, the network and the credentials for it"
        raise NotAnIndexError(uri, reason=reason) from error
