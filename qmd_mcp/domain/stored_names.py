"""The rules for names that an index holds, which are the same when a name is written and when it is read.

An index may have been changed by something else than this program. A collection's name stands in a server's
instructions, and the path of a document is opened below its collection's folder: neither is believed because it is
stored.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import PureWindowsPath

from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.errors import CollectionError
from qmd_mcp.index_errors import UnsafeIndexError
from qmd_mcp.visible_text import one_line

_LONGEST_NAME = 64
"""Characters of a collection's name. The name is repeated in front of every path that an agent reads, so it has to stay
short; the limit itself is a round number that nothing was measured for."""

_SHOWN = 80
"""Characters of a wrong name that its error repeats: those of the longest right name, and some that show how it goes
on."""

_ABNORMAL = re.compile(r"\A/|/\Z|//|(?:\A|/)\.\.?(?:/|\Z)|\x00|\A\Z")
"""What no path of a document has: a leading or trailing slash, an empty part, `.` or `..` as a part, and NUL."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_name(name: str) -> str:
    """Return the name of a collection in NFC.

    Raises:
        CollectionError: the name could not stand in a URI, in a path or after a command line flag.
    """
    normal = nfc(name)
    if not _can_name_a_collection(normal):
        sentence = (
            f"{name[:_SHOWN]!r} cannot name a collection: a name begins with a letter or digit, continues with "
            f"letters, digits, '.', '_' or '-', and has at most {_LONGEST_NAME} characters. Choose another name."
        )
        raise CollectionError(sentence)
    return normal


def check_stored(collections: Iterable[str], paths: Sequence[str]) -> None:
    """Make sure that rows could be of documents that this program indexed.

    Raises:
        UnsafeIndexError: one names no collection, or a path that leads out of one.
    """
    for name in set(collections):
        if not is_stored_name(name):
            raise altered("a collection named", name)
    if any(map(_ABNORMAL.search, paths)) or os.name == "nt":  # this way 50,000 rows take 70 ms
        for path in paths:
            if not is_normal_path(path):
                raise altered("a document at", path)


def is_stored_name(name: str) -> bool:
    """Whether a collection's name is one that `check_name` has returned."""
    return _can_name_a_collection(name) and unicodedata.is_normalized("NFC", name)


def is_normal_path(path: str) -> bool:
    """Whether a path is written as paths below a collection's folder are, so that it cannot lead out of it."""
    if _ABNORMAL.search(path):
        return False
    return os.name != "nt" or not ("\\" in path or PureWindowsPath(path).drive)


def has_control_character(pattern: str) -> bool:
    """Whether a glob or an ignore has a character that moves a terminal's cursor or ends a line."""
    return _CONTROL.search(pattern) is not None


def altered(what: str, name: str) -> UnsafeIndexError:
    """The error for something in an index to which this program never gives such a name."""
    sentence = (
        f"The index has {what} {name[:_SHOWN]!r}, which this program does not write: something else has changed it. "
        f"Delete its folder and index your folders again, or have a project's index made anew: qmd-mcp trust --remove, "
        f"then qmd-mcp trust."
    )
    return UnsafeIndexError(sentence)


@lru_cache(maxsize=1_024)
def _can_name_a_collection(name: str) -> bool:
    """Kept for the names of the last thousand collections: the rows of an index name the same few again and again."""
    if not 0 < len(name) <= _LONGEST_NAME or one_line(name) != name:
        return False
    kinds = [unicodedata.category(character)[0] for character in name]
    return kinds[0] in "LN" and all(kind in "LNM" or sign in "._-" for kind, sign in zip(kinds, name, strict=True))
