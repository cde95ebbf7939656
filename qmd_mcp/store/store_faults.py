"""What LanceDB raises, translated once into sentences: a damaged index, a full disk, a folder that is gone."""

from __future__ import annotations

import errno
import logging
import os
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager

from qmd_mcp.errors import QmdError
from qmd_mcp.index_errors import DamagedIndexError, ReadOnlyIndexError, StoreError
from qmd_mcp.index_uri import is_local

logger = logging.getLogger(__name__)

MEND = "Look at it: qmd-mcp doctor. Mend it: qmd-mcp repair"

_CODE = re.compile(r"\(os error (\d+)\)")
"""How Rust writes the number of an error of the operating system."""

_PLACE = re.compile(r",? ?\S*(?:/|\\)(?:rustc|\.cargo)(?:/|\\)\S*")
"""Where in its source Lance raised an error, which helps nobody here."""

_LONGEST = 160
"""Characters of Lance's own words in a sentence: enough for what is wrong and with which file of a table."""

_NOT_NOW = {
    getattr(errno, "EDQUOT", errno.ENOSPC): "the quota of its disk is used up. Free some of it, then try again.",
    errno.ENOSPC: "no space is left on its disk. Free some, then try again.",
    errno.EFBIG: "a file would become larger than this process may write. Allow more (ulimit -f), then try again.",
    errno.EMFILE: "too many files are open. Allow more of them (ulimit -n), then try again.",
    errno.ENFILE: "too many files are open on this machine. Close some programs, then try again.",
    errno.EACCES: "permission denied. Give yourself access to all its files.",
    errno.EPERM: "permission denied. Give yourself access to all its files.",
}
"""What keeps an index from being used at the moment, and what to do, by the number of the operating system."""

_WINDOWS = {5: errno.EACCES, 39: errno.ENOSPC, 112: errno.ENOSPC}
"""Numbers of Windows for what other systems have other numbers for."""

_DAMAGE = re.compile(r"corrupt|invalid (range|magic)|too small|storage version|panic", re.IGNORECASE)
"""Words by which Lance says that the files of an index on object storage are not as they should be."""


@contextmanager
def translated(uri: str, *, what: str) -> Generator[None]:
    """Raise what LanceDB raises as an error of ours; `what` says what of the index was used.

    Raises:
        DamagedIndexError: its files cannot be read.
        ReadOnlyIndexError: its files cannot be written.
        StoreError: it is gone, or cannot be reached or used at the moment.
    """
    try:
        yield
    except QmdError:
        raise
    except Exception as error:
        raise _fault(error, uri=uri, what=what) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how a panic of Rust arrives; it derives from BaseException
            raise
        raise _fault(error, uri=uri, what=what) from error


def gone(uri: str) -> StoreError:
    """What is said of an index whose folder is not there any more."""
    again = "Make it again: qmd-mcp collection add FOLDER --name NAME"
    return StoreError(f"The index {uri} is gone: its folder has been deleted. {again}")


def _fault(error: BaseException, *, uri: str, what: str) -> QmdError:
    reason, code = _reason(error), _code(error)
    logger.info("LanceDB failed with %s: %s", what, error)
    if not is_local(uri) and not _DAMAGE.search(reason):
        return StoreError(f"The index {uri} cannot be reached: {reason}. Check its address, the network and your keys.")
    if is_local(uri) and not os.path.isdir(uri):  # noqa: PTH112  a path of any kind, as LanceDB was given it
        return gone(uri)
    if code == errno.EROFS:
        return ReadOnlyIndexError(uri, reason="its file system is read-only")
    if code in _NOT_NOW:
        return StoreError(f"The index {uri} cannot be used: {_NOT_NOW[code]}")
    return DamagedIndexError(f"The index {uri} is damaged: {what} cannot be used ({reason}). {MEND}")


def _code(error: BaseException) -> int | None:
    """The number that the operating system gave; None if there is none."""
    found = _CODE.search(str(error))
    code: int | None = int(found[1]) if found else getattr(error, "errno", None)
    if code is not None and sys.platform == "win32":
        return _WINDOWS.get(code, code)
    return code


def _reason(error: BaseException) -> str:
    line = " ".join(_PLACE.sub("", str(error)).split()) or type(error).__name__
    return line.removeprefix("lance error: ")[:_LONGEST].rstrip(".")
