"""Names of documents and contexts in either Unicode form, and the hash of a passage."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from qmd_mcp.domain.documents import Collection, Context, Passage

PASSAGE = Passage("d0c", "notes", "a.md", "A", 0, ("B",), "A > B", "text", 1, 1, 0, 4)


def test_the_hash_of_a_text_is_that_of_what_the_embedder_reads() -> None:
    first = PASSAGE.text_hash
    assert PASSAGE.text_hash is first  # computed once
    assert replace(PASSAGE, path="b.md", ordinal=7).text_hash == first
    assert replace(PASSAGE, text="other").text_hash != first
    assert replace(PASSAGE, breadcrumb="").text_hash != first


def test_a_passage_is_the_same_whether_its_hash_is_known_or_not() -> None:
    fresh = replace(PASSAGE)
    assert PASSAGE.text_hash
    assert (fresh, hash(fresh), repr(fresh)) == (PASSAGE, hash(PASSAGE), repr(PASSAGE))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_context_covers_paths_in_nfc_whatever_form_its_prefix_has(form: str, tmp_path: Path) -> None:
    prefix = unicodedata.normalize(form, "büro/möbel")
    collection = Collection("notes", tmp_path, (), contexts=(Context("", "all"), Context(prefix, "furniture")))
    assert collection.context_of("büro/möbel/a.md") == collection.context_of("büro/möbel") == "furniture"
    assert collection.context_of("büro/möbelhaus.md") == "all"
