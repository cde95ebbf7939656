"""Which files belong to a collection, judged by their paths alone."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

from qmd_mcp.corpus.scanning.collection_checks import check_ignores
from qmd_mcp.corpus.scanning.default_rules import DEFAULT_IGNORES
from qmd_mcp.corpus.scanning.globs import GlobMatcher, compile_globs, expand_globs
from qmd_mcp.corpus.scanning.ignore_patterns import IgnorePatterns
from qmd_mcp.domain.documents import Collection

_SIMPLE = re.compile(r"\*\*/(?:\*\.(?P<suffix>[^*?\[\]/.]+)|(?P<name>[^*?\[\]/]+))")
"""A glob of the form `**/*.suffix` or `**/name`; all default globs have it."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The globs and ignores of a collection in the form in which paths are compared with them."""

    root_name: str
    """Name of the collection's folder."""
    suffixes: frozenset[str]
    """Suffixes of the globs of the form `**/*.suffix`, in lower case: they are looked up, which is faster than matching
    the expression of every glob."""
    names: frozenset[str]
    """Names of the globs of the form `**/name`, in lower case."""
    others: GlobMatcher
    """Matches what any other glob matches."""
    ignored_folders: frozenset[str]
    """Names of the default ignores that are folders."""
    ignored_files: re.Pattern[str] | None
    """Matches the names that the default ignores for files match; None if the collection has taken them all back."""
    ignores: IgnorePatterns
    """The collection's own ignores, which overrule every default and every `.gitignore`."""

    @classmethod
    def of(cls, collection: Collection) -> Membership:
        """Compile the globs and ignores of a collection.

        Raises:
            CollectionError: a glob or an ignore cannot be used.
        """
        globs = expand_globs(collection.globs)
        simple = [match for glob in globs if (match := _SIMPLE.fullmatch(glob))]
        taken_back = {segment for glob in globs for segment in glob.split("/")}
        taken_back |= {ignore[1:].strip("/") for ignore in collection.ignores if ignore.startswith("!")}
        ignored = [ignore for ignore in DEFAULT_IGNORES if ignore.rstrip("/") not in taken_back]
        ignored_files = [fnmatch.translate(ignore) for ignore in ignored if not ignore.endswith("/")]
        return cls(
            root_name=collection.root.name,
            suffixes=frozenset(match["suffix"].lower() for match in simple if match["suffix"]),
            names=frozenset(match["name"].lower() for match in simple if match["name"]),
            others=compile_globs([glob for glob in globs if not _SIMPLE.fullmatch(glob)]),
            ignored_folders=frozenset(ignore[:-1] for ignore in ignored if ignore.endswith("/")),
            ignored_files=re.compile("|".join(ignored_files)) if ignored_files else None,
            ignores=check_ignores(collection.ignores),
        )

    def selects(self, path: str, *, name: str) -> bool:
        """Whether a glob selects a file, whatever the case of its letters, and no default ignore leaves it out."""
        lower = name.lower()
        _, dot, suffix = lower.rpartition(".")
        taken = (dot and suffix in self.suffixes) or lower in self.names or self.others.matches(path)
        return bool(taken) and not (self.ignored_files is not None and self.ignored_files.match(name))
