"""Checking what a person says about a new collection."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from qmd_mcp.corpus.scanning.default_rules import DEFAULT_GLOBS
from qmd_mcp.corpus.scanning.disk_files import absolute_on_disk
from qmd_mcp.corpus.scanning.globs import compile_globs, expand_globs
from qmd_mcp.corpus.scanning.ignore_patterns import MOST_WILD, IgnorePatterns, PatternError
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.normal_forms import nfc
from qmd_mcp.domain.stored_names import check_name, has_control_character
from qmd_mcp.errors import CollectionError


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


def check_globs(globs: Iterable[str]) -> tuple[str, ...]:
    """Return globs as they were written, in NFC and without blanks around them; the default globs if there is none.

    Raises:
        CollectionError: one of them cannot be used.
    """
    checked = tuple(nfc(glob.strip()) for glob in globs)
    _check_characters(checked)
    compile_globs(expand_globs(checked))
    return checked or DEFAULT_GLOBS


def check_ignores(ignores: Iterable[str]) -> IgnorePatterns:
    """Compile patterns that are written as in `.gitignore`.

    Raises:
        CollectionError: one of them cannot be used.
    """
    ignores = tuple(ignores)
    _check_characters(ignores)
    patterns = IgnorePatterns()
    for ignore in ignores:
        try:
            fits = patterns.add(ignore)
        except PatternError as error:
            sentence = f"An ignore cannot be used: {error}. Write it as a line of .gitignore."
            raise CollectionError(sentence) from error
        if not fits:
            sentence = f"The ignores with wildcards have more than {MOST_WILD:,} characters: give fewer of them."
            raise CollectionError(sentence)
    return patterns


def _check_characters(patterns: Iterable[str]) -> None:
    for pattern in patterns:
        if has_control_character(pattern):
            sentence = f"The pattern {pattern!r} has a control character. Leave it out, or give each line by itself."
            raise CollectionError(sentence)
