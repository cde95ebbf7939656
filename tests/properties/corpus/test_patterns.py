"""Globs and lines of `.gitignore`: matching in linear time gives what trying every way gives."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from qmd_mcp.corpus.scanning.gitignore import linear
from qmd_mcp.corpus.scanning.globs import compile_globs, expand_globs
from qmd_mcp.errors import CollectionError

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
    assert pattern is not None
    assert bool(pattern.fullmatch(path)) == matches_path(glob.split("/"), path.split("/"))


# Without negated classes: pathspec's [!b] takes a slash as well, and git's does not.
@given(
    globs.filter(lambda glob: "[!" not in glob),
    st.sampled_from(["{}", "/{}", "{}/", "{}/**", "!{}"]),
    paths,
    st.sampled_from(["", "/"]),
)
@example("**/a/**/b/**/*a*b*", "{}", "a/ab/a/b/aabb", "")
def test_a_line_of_a_gitignore_says_what_pathspec_says(glob: str, form: str, path: str, end: str) -> None:
    expression = GitIgnoreSpecPattern(form.format(glob)).regex
    if expression is not None:
        theirs, ours = expression.match(path + end), re.match(linear(expression.pattern), path + end)
        assert (theirs and theirs.groupdict()) == (ours and ours.groupdict())


@given(st.text(st.characters(codec="utf-8"), max_size=12))
def test_an_expanded_glob_is_composed(glob: str) -> None:
    assert all(unicodedata.is_normalized("NFC", each) for each in _expanded(glob))


def _expanded(glob: str) -> tuple[str, ...]:
    try:
        return expand_globs([glob])
    except CollectionError:
        return ()
