"""Checking what a person says about a new collection."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError

from qmd_mcp.corpus.scanning.default_rules import DEFAULT_GLOBS
from qmd_mcp.corpus.scanning.disk_files import absolute_on_disk
from qmd_mcp.corpus.scanning.gitignore import compile_patterns
from qmd_mcp.corpus.scanning.globs import compile_globs, expand_globs
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.errors import CollectionError

_LONGEST_NAME = 64
"""Characters of a collection's name. The name is repeated in front of every path that an agent reads, so it has to stay
short; the limit itself is a round number that nothing was measured for."""


def check_collection(collection: Collection) -> Collection:
    """Return a new collection with its root, name and globs in the form in which they are stored.

    Raises:
        CollectionError: the root is not a folder, or the name, a glob or an ignore cannot be used.
    """
    root = absolute_on_disk(collection.root)
    if not os.path.isdir(root):  # noqa: PTH112  Path.is_dir raises if a folder above may not be entered
        sentence = f"{root} is not a folder, or you may not enter it."
        raise CollectionError(sentence)
    check_ignores(collection.ignores)
    return replace(collection, root=root, name=check_name(collection.name), globs=check_globs(collection.globs))


def check_name(name: str) -> str:
    """Return the name of a collection in NFC.

    Raises:
        CollectionError: the name could not stand in a URI, in a path or after a command line flag.
    """
    normal = nfc(name)
    kinds = [unicodedata.category(character)[0] for character in normal]
    fits = 0 < len(normal) <= _LONGEST_NAME and kinds[0] in "LN"
    if not fits or any(kind not in "LNM" and sign not in "._-" for kind, sign in zip(kinds, normal, strict=True)):
        sentence = (
            f"{name!r} cannot name a collection: a name begins with a letter or digit, continues with letters, "
            f"digits, '.', '_' or '-', and has at most {_LONGEST_NAME} characters. Choose another name."
        )
        raise CollectionError(sentence)
    return normal


def check_globs(globs: Iterable[str]) -> tuple[str, ...]:
    """Return globs as they were written, in NFC and without blanks around them; the default globs if there is none.

    Raises:
        CollectionError: one of them cannot be used.
    """
    checked = tuple(nfc(glob.strip()) for glob in globs)
    compile_globs(expand_globs(checked))
    return checked or DEFAULT_GLOBS


def check_ignores(ignores: Iterable[str]) -> GitIgnoreSpec:
    """Compile patterns that are written as in `.gitignore`.

    Raises:
        CollectionError: one of them cannot be used.
    """
    try:
        return compile_patterns(ignores)
    except (GitIgnorePatternError, re.error) as error:
        sentence = f"An ignore cannot be used: {error}. Write it as a line of .gitignore."
        raise CollectionError(sentence) from error
