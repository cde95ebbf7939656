"""Which names are those of copies, and of what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.retrieval.grouping.copy_names import names_a_copy, plain_name

COPIES = [
    "ferry (1).md",
    "ferry(2).md",
    "ferry copy.md",
    "ferry copy 2.md",
    "ferry - Copy.md",
    "ferry - Copy (3).md",
    "ferry_copy.md",
    "ferry-copy.md",
    "ferry (copy).md",
    "ferry (another copy).md",
    "ferry (3rd copy).md",
    "Copy of ferry.md",
    "Copy (2) of Ferry.md",
    "Copy of ferry copy.md",
    "ferry - Kopie.md",
    "Kopie von ferry.md",
    "ferry - copie.md",
    "ferry - 副本.md",
    "ferry - コピー.md",
    "ferryのコピー.md",
    "ferry - копия.md",
    "ferry.sync-conflict-20260101-120000-ABCDEFG.md",
    "ferry.sync-conflict-20260101-120000.md",
    "ferry (conflicted copy 2026-01-01).md",
    "ferry (conflicted copy 2026-01-01 120000).md",
    "ferry (Laptop's conflicted copy 2026-01-01).md",
    "ferry (Conflicted copy phone 202601011200).md",
    "ferry (SFConflict reader 2026-01-01-12-00-00).md",
    "ferry [conflicted].md",
    "ferry_conflict-20260101-120000.md",
    "ferry~.md",
    "ferry.md~",
    "ferry.md.orig",
    "ferry.orig.md",
    "ferry.bak.md",
]


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_known_by_its_name_and_so_is_the_original(name: str) -> None:
    assert names_a_copy(name)
    assert plain_name(name) == "ferry.md" == plain_name("Ferry.md")


@pytest.mark.parametrize(
    "name",
    [
        "ferry.md",
        "copy.md",
        "Copy editing.md",
        "hard copy machines.md",
        "photocopy.md",
        "(1).md",
        "Meeting (2024).md",
        "conflict.md",
        "Resolving a conflict.md",
        "terms (draft).md",
        "Chapter 2.md",
        "copies.md",
        "~",
        "",
        ".md",
    ],
)
def test_other_names_are_those_of_originals(name: str) -> None:
    assert not names_a_copy(name)


def test_a_number_is_no_mark_but_leads_to_the_file_without_it() -> None:
    assert plain_name("Chapter 2.md") == plain_name("Chapter.md")
    assert plain_name("ferry 2.md") != plain_name("ferry 2.txt")


@given(st.text(alphabet=st.sampled_from("a (1)copy.-~[]conflict of副本"), max_size=24))
def test_a_plain_name_is_its_own_plain_name_and_is_never_empty_for_a_name(name: str) -> None:
    plain = plain_name(name)
    assert bool(plain) == bool(name)
    assert not names_a_copy(plain)
