"""The names that an index may hold."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.domain.stored_names import check_name, is_normal_path, is_stored_name
from qmd_mcp.errors import CollectionError

PARTS = st.sampled_from(["", ".", "..", "a", "b c", "...", "..a", "notes.md", "缓存", "/"])


@given(st.lists(PARTS, max_size=6).map("/".join))
def test_a_normal_path_stays_below_its_collection_and_is_written_in_one_way(path: str) -> None:
    pure = PurePosixPath(path)
    normal = bool(path) and not pure.is_absolute() and ".." not in pure.parts and pure.as_posix() == path != "."
    assert is_normal_path(path) == normal


@given(st.text(max_size=70))
def test_a_name_that_can_be_given_can_be_read_and_no_other(name: str) -> None:
    try:
        given_name = check_name(name)
    except CollectionError:
        assert not is_stored_name(name)
    else:
        assert is_stored_name(given_name)
        assert is_stored_name(name) == (name == given_name)


@pytest.mark.parametrize("path", ["a\0b", "a/../b", "/", "//a"])
def test_what_leads_elsewhere_is_no_path_of_a_document(path: str) -> None:
    assert not is_normal_path(path)
