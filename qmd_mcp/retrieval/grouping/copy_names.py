"""Names that people's programs give to a copy of a file, and to its version in a conflict."""

from __future__ import annotations

import re
from functools import lru_cache

_EXTENSION = re.compile(r"(?<=.)\.[^\W_]{1,10}$")
_BACKUP = re.compile(r"(?<=.)(?:~|\.(?:orig|bak|backup))$", re.IGNORECASE)
"""What editors and version control put behind the extension: `x.md~`, `x.md.orig`."""

_COPY = r"copy|kopie|copie|copia|c[óo]pia|kopia|kopi|kópia|копия|копія|副本|拷贝|拷貝|コピー|사본|복사본"
"""`copy` as the file managers of Windows, macOS, GNOME and KDE write it in twelve languages."""

_MARKS = re.compile(
    rf"""(?<=\S)(?:
        \ ?\(\d{{1,2}}\)                              # x (1): downloads, Google Drive
      | (?:[ ]-[ ]|[ _-])(?:{_COPY})(?:[ ]?\(?\d{{1,2}}\)?)? # x copy, x copy 2, x - Copy (2)
      | [ ]?\((?:another\ |[\w.]{{1,5}}\ )?(?:{_COPY})(?:[ ]\d{{1,2}})?\)  # x (copy), x (another copy), x (3rd copy)
      | の(?:コピー)                                    # xのコピー
      | \.sync-conflict-\d{{8}}-\d{{6}}(?:-\w{{7}})?     # Syncthing
      | _conflict-\d{{8}}-\d{{6}}                      # ownCloud
      | [ ]?[(\[][^()\[\]]*conflict[^()\[\]]*[)\]]     # Dropbox, Nextcloud, Seafile, Obsidian Sync, pCloud, Joplin
      | ~
      | \.(?:orig|bak|backup)
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
"""What is put behind the name."""

_BEFORE = re.compile(r"^(?:copy(?: \(\d{1,2}\))? of|kopie von|copie de|copia d[ei]|cópia de) (?=\S)", re.IGNORECASE)
"""What is put before it: `Copy of x`."""

_NUMBERED = re.compile(r"(?<=\S) \d{1,2}$")
"""macOS and iCloud call a second file `x 2`. Other files are called so too."""

_MOST_KNOWN = 20_000
"""File names whose plain name is remembered, for which they take about 4 MB."""


@lru_cache(maxsize=_MOST_KNOWN)
def plain_name(name: str) -> str:
    """The name of a file without the marks of a copy, in small letters; the same for a file and all its copies."""
    name = name.lower()
    while True:
        shorter = _without_mark(name)
        if shorter == name:
            break
        name = shorter
    stem, extension = _parts(name)
    return _NUMBERED.sub("", stem) + extension


@lru_cache(maxsize=_MOST_KNOWN)
def names_a_copy(name: str) -> bool:
    """Whether a file or folder is clearly called a copy; `Chapter 2` is not."""
    return _without_mark(name.lower()) != name.lower()


def _without_mark(name: str) -> str:
    name = _BACKUP.sub("", name)
    stem, extension = _parts(name)
    return _BEFORE.sub("", _MARKS.sub("", stem)) + extension


def _parts(name: str) -> tuple[str, str]:
    """The name before its extension, and the extension with its dot."""
    extension = _EXTENSION.search(name)
    return (name, "") if extension is None else (name[: extension.start()], extension[0])
