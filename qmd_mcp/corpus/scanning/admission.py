"""Whether a file or folder belongs to a collection, by every rule that the collection has."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from qmd_mcp.corpus.scanning import gitignore, worktrees
from qmd_mcp.corpus.scanning.default_rules import INDEX_TABLE
from qmd_mcp.corpus.scanning.disk_files import FileContent, Secrets, is_spelled, read_file, relative_on_disk
from qmd_mcp.corpus.scanning.membership import Membership
from qmd_mcp.corpus.scanning.secret_names import SECRET_FOLDERS, is_secret
from qmd_mcp.domain.answers import Skip, SkipReason
from qmd_mcp.domain.documents import Collection
from qmd_mcp.files.beneath import state_beneath

Refusal: TypeAlias = SkipReason | None
"""Why something is left out; None if it belongs to the collection."""

Rules: TypeAlias = tuple[gitignore.Rules, ...]
"""The `.gitignore` files that hold at a place, the outermost first."""


def folder_refusal(membership: Membership, path: str, *, name: str, rules: Rules) -> Refusal:
    """Why a folder is left out, judged by its name and by the rules around it; its path ends with a slash."""
    if name.lower() in SECRET_FOLDERS:
        return "secret by its name"
    if name in membership.ignored_folders or is_ignored(membership, path, rules):
        return "not in the collection"
    return None


def file_refusal(membership: Membership, path: str, *, name: str, rules: Rules) -> Refusal:
    """Why a file is left out, judged by its name and by the rules around it."""
    if is_secret(f"{membership.root_name}/{path}"):
        return "secret by its name"
    if not membership.selects(path, name=name) or is_ignored(membership, path, rules):
        return "not in the collection"
    return None


def is_ignored(membership: Membership, path: str, rules: Rules) -> bool:
    """Ask the collection's own ignores first, then each `.gitignore`, the nearest first, until one decides."""
    if membership.ignores:
        decision = membership.ignores.decision(path)
        if decision is not None:
            return decision
    for each in reversed(rules):
        decision = each.decision(path)
        if decision is not None:
            return decision
    return False


def rules_inside(membership: Membership, path: str, rules: Rules) -> Rules:
    """The rules that hold in a folder beside its own: none if the collection's ignores take the folder back."""
    return () if membership.ignores.decision(path) is False else rules


def refusal(collection: Collection, path: str) -> Refusal:
    """Why a file of a collection must not be read now, whatever an index says about it; None if it may be read.

    The same rules decide as when the collection's folder is walked through, and they are read from disk again.

    Raises:
        CollectionError: a glob or an ignore of the collection cannot be used.
    """
    membership = _membership(collection)
    root = collection.root
    *folders, name = path.split("/")
    spelled = relative_on_disk(root, path)
    if sys.platform != "linux" and not is_spelled(root, spelled):
        return "not in the collection"
    on_disk = spelled.split("/")
    above, rules = "", gitignore.rules_above(root)
    for depth in range(len(folders) + 1):
        here = "".join(f"{each}/" for each in on_disk[:depth])
        left_out = _content_refusal(root, here)
        if left_out is not None:
            return left_out
        rules += gitignore.rules_in(root, here, rules, below=len(above))
        if depth < len(folders):
            above += folders[depth] + "/"
            left_out = folder_refusal(membership, above, name=folders[depth], rules=rules)
            if left_out is not None:
                return left_out
            rules = rules_inside(membership, above, rules)
    return file_refusal(membership, path, name=name, rules=rules)


def read_member(
    collection: Collection, path: str, *, max_bytes: int, secrets: Secrets = "redact"
) -> FileContent | Skip:
    """Read a file if it belongs to its collection now, or say why not.

    Raises:
        CollectionError: a glob or an ignore of the collection cannot be used.
    """
    refused = refusal(collection, path)
    if refused is not None:
        return Skip(path, refused)
    return read_file(collection.root, path, max_bytes=max_bytes, secrets=secrets)


def _content_refusal(root: Path, folder: str) -> Refusal:
    """Why a folder is left out for what lies in it."""
    try:
        state_beneath(root, folder + INDEX_TABLE)
    except OSError:
        is_copy = bool(folder) and worktrees.copies_a_checkout(root, folder)
        return "a git worktree of another checkout" if is_copy else None
    return "not in the collection"


@lru_cache(maxsize=64)
def _membership(collection: Collection) -> Membership:
    """Compiling the default globs takes 2 ms, and an agent reads one document after the other."""
    return Membership.of(collection)
