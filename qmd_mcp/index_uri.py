"""The place of an index: a folder of this machine, or a URI of object storage."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.request import url2pathname

_FILE_SCHEMES = frozenset({"file", "file-object-store"})
"""The URIs that LanceDB takes for folders of this machine."""


def canonical(uri: str) -> str:
    """The one spelling of the place of an index, by which it is opened, locked, found and named.

    A folder is its whole path without links, whether it was given as a path or as the URI of a file. Another URI has a
    scheme in small letters and no slash at its end.
    """
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return os.path.realpath(Path(uri).expanduser())
    if scheme.lower() in _FILE_SCHEMES:
        return os.path.realpath(url2pathname(rest.removeprefix("localhost")))
    return f"{scheme.lower()}://{rest.rstrip('/')}"


def is_local(uri: str) -> bool:
    """Whether an index is in a folder of this machine, and not on object storage."""
    return "://" not in uri
