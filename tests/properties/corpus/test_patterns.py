"""Globs and lines of `.gitignore`: matching in linear time gives what trying every way gives."""

from __future__ import annotations

import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from qmd_mcp.corpus.scanning.globs import compile_globs, expand_globs
from qmd_mcp.corpus.scanning.scan import scan
from qmd_mcp.domain.documents import Collection
from qmd_mcp.errors import CollectionError


def _is_read_as_written(line: str) -> bool:
    """Whether git documents what the line means.

    git takes `a**/b` for `a/**/b`, because it cuts `a` off before it looks at the rest; and a range without characters,
    or a bracket without a partner, makes a line say nothing in one place and something else in another.
    """
    return not re.search(r"[^/*]\*\*|//", line.removeprefix("!")) and line.count("[") == line.count("]")


segments = st.one_of(st.just("**"), st.text("aab*?", min_size=1, max_size=6), st.sampled_from(["[ab]*", "*[!b]*a"]))
globs = st.lists(segments, min_size=1, max_size=5).map("/".join)
paths = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=6).map("/".join)


def matches_name(segment: str, name: str) -> bool:
    """Try every length of every star."""
    if not segment:
        return not name
    if segment[0] == "*":
        return matches_name(segment[1:], name) or (bool(name) and matches_name(segment, name[1:]))
    end = segment.index("]") + 1 if segment[0] == "[" else 1
    sign = segment[:end]
    fits = bool(name) and (sign == "?" or bool(re.fullmatch(sign.replace("[!", "[^"), name[0])))
    return fits and matches_name(segment[end:], name[1:])


def matches_path(glob: list[str], path: list[str]) -> bool:
    """Try every number of folders for every `**`."""
    if not glob:
        return not path
    if glob[0] == "**":
        if len(glob) == 1:
            return bool(path)
        return matches_path(glob[1:], path) or (bool(path) and matches_path(glob, path[1:]))
    return bool(path) and matches_name(glob[0], path[0]) and matches_path(glob[1:], path[1:])


@given(globs, paths)
@example("**/a*b/**/b*", "ab/aab/b/ba")
def test_a_glob_takes_what_trying_every_way_takes(glob: str, path: str) -> None:
    pattern = compile_globs(expand_globs([glob]))
    assert pattern.matches(path) == matches_path(glob.split("/"), path.split("/"))


NAMES = ("a", "b", "ab", "ba", "a.b", "b.a", "!a", "a b", "[a]", "A")
KNOWN = (
    *(
        "[[:alpha:]]*",
        "[^a]",
        "[]a]",
        "*.b",
        "a",
        "/b",
        "!ab",
        "b/",
        "\\!a",
        "a\\ b",
        "*",
        "!*/",
        "!*.b",
        "#a",
        "a ",
        "a/b ",
    ),
    *("a/**", "**/b/", "a/**/b", "***/a", "**", "/**/", "!a/b/"),
)
lines = st.one_of(
    st.tuples(st.sampled_from(["", "!", "/", "!/"]), globs, st.sampled_from(["", "/", "/**"])).map("".join),
    st.text("ab.*?/![]", max_size=8),
    st.sampled_from(KNOWN),
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with every name in every one of some folders."""
    root = tmp_path_factory.mktemp("tree")
    subprocess.run(["git", "init", "-q", root], check=True)
    folders = [root, *(root / path for path in ("a", "b", "ab", "a/b", "a/ab", "b/a", "b/a/b", "a/b/a/b"))]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for file in (folder / name for folder in folders for name in NAMES):
        if not file.is_dir():
            file.touch()
    return root


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(st.lists(lines.filter(_is_read_as_written), max_size=4))
@example(["*", "!*/", "!*.b"])
@example(["**/a/**/b", "!b/**"])
@example(["/a/", "!a/b"])
def test_lines_of_a_gitignore_say_what_git_says(tree: Path, lines: list[str]) -> None:
    (tree / ".gitignore").write_text("\n".join([*lines, "/.gitignore", "/.git"]), newline="")
    listed = subprocess.run(
        ["git", "-c", "core.excludesFile=", "ls-files", "-z", "-o", "--exclude-standard"],
        cwd=tree,
        check=True,
        capture_output=True,
    )
    theirs = sorted(filter(None, listed.stdout.decode().split("\0")))
    ours = [entry.path for entry in scan(Collection("notes", tree, ("**",)))]
    assert ours == theirs


@given(st.text(st.characters(codec="utf-8"), max_size=12))
def test_an_expanded_glob_is_composed(glob: str) -> None:
    assert all(unicodedata.is_normalized("NFC", each) for each in _expanded(glob))


def _expanded(glob: str) -> tuple[str, ...]:
    try:
        return expand_globs([glob])
    except CollectionError:
        return ()
