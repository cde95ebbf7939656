"""Expressions for patterns of paths that never try a wildcard in two ways.

A pattern comes as the names between its slashes. What stands between two wildcards is matched where it first occurs,
in an atomic group: the second wildcard can skip everything that a later occurrence would leave out, so no other place
needs to be tried (Python's `fnmatch` does it so, too). Matching therefore takes time proportional to the length of the
pattern times that of the path, whatever the pattern is. Translated without care, `*?*?*?*?!` takes exponential time.
"""

from __future__ import annotations

from collections.abc import Sequence

ANY_FOLDERS = None
"""The name `**`: any number of folders; at the end of a pattern, anything below."""


def name_expression(pieces: Sequence[str]) -> str:
    """The expression for one name, given those of the pieces between its `*`, each of which has a fixed length."""
    first, *others = pieces
    if not others:
        return first
    return first + "".join(f"(?>[^/]*?{piece})" for piece in others[:-1]) + f"[^/]*{others[-1]}"


def path_expression(names: Sequence[str | None]) -> str:
    """The expression for a path, given those of its names, with `ANY_FOLDERS` for `**`."""
    runs: list[list[str]] = [[]]
    """The names between one `**` and the next."""
    for name in names:
        if name is ANY_FOLDERS:
            runs.append([])
        else:
            runs[-1].append(name)
    if len(runs) == 1:
        return "/".join(runs[0])
    first, *middle, last = runs
    skipping = "".join(f"(?>(?:[^/]+/)*?{_folders(run)})" for run in middle if run)
    return _folders(first) + skipping + ("(?:[^/]+/)*" + "/".join(last) if last else ".+")


def _folders(names: Sequence[str]) -> str:
    return "".join(f"{name}/" for name in names)
