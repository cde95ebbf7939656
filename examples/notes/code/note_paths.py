"""Where a note's file lies, and which names a note may have."""

from __future__ import annotations

import os
import re
import unicodedata
from datetime import date

RESERVED = frozenset({"con", "prn", "aux", "nul"})
MAX_NAME_BYTES = 200


class BadTitleError(ValueError):
    """Nothing of the title is left that a file name could use."""


def slug(title: str) -> str:
    """Turn a title into a file name that every operating system accepts.

    >>> slug("Crème brûlée, 2nd try!")
    'creme-brulee-2nd-try'
    """
    decomposed = unicodedata.normalize("NFKD", title)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    name = re.sub(r"[^\w]+", "-", plain.lower()).strip("-_")
    name = name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    if not name:
        raise BadTitleError(title)
    return f"{name}-note" if name in RESERVED else name


def note_path(root: str, folder: str, title: str, day: date | None = None) -> str:
    """Return the path of a note; with a day, the name begins with it.

    Folder names may come from a web form, so the result is checked to lie inside the root:
    ``os.path.join`` forgets everything before an absolute part and knows nothing of ``..``.
    """
    name = slug(title) if day is None else f"{day.isoformat()}-{slug(title)}"
    root = os.path.realpath(root)
    path = os.path.realpath(os.path.join(root, folder, name + ".md"))
    if os.path.commonpath([root, path]) != root:
        msg = f"{folder!r} leads out of the notes"
        raise PermissionError(msg)
    return path


def free_path(path: str) -> str:
    """Return the path, with a number before the suffix if the file already exists."""
    stem, suffix = os.path.splitext(path)
    number = 1
    while os.path.exists(path):
        number += 1
        path = f"{stem}-{number}{suffix}"
    return path


def write_atomically(path: str, text: str) -> None:
    """Write beside the file and rename, so that a reader sees the old text or the new."""
    beside = f"{path}.{os.getpid()}.tmp"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
