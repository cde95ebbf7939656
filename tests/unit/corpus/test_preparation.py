"""From a plan to windows of documents and passages."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from qmd_mcp.corpus.chunking.chunker import READING
from qmd_mcp.corpus.indexing.preparation import WINDOW, Preparation
from qmd_mcp.domain.documents import Collection, Document, Passage
from tests.reading_here import ReadingHere


@pytest.fixture
def preparation() -> Preparation:
    return Preparation(cutter=ReadingHere(), max_file_bytes=1_000)


def test_a_window_has_a_bound_also_where_nothing_is_to_be_embedded(tmp_path: Path, preparation: Preparation) -> None:
    """Files that were only touched, and files that are left out, make no passages."""
    collection = Collection("notes", tmp_path, ("**/*.md",))
    for number in range(WINDOW + 10):
        (tmp_path / f"{number}.md").write_text(f"text {number}" if number % 2 else "")
    plan = preparation.plan(collection, {})
    first = list(preparation.windows(collection, plan, {}))
    touched = {each.path: replace(each, mtime_ns=0) for window in first for each in window.documents}
    for known in ({}, touched):
        windows = list(preparation.windows(collection, preparation.plan(collection, known), known))
        assert [window.files for window in windows] == [WINDOW, 10]
    assert sum(len(window.touched) for window in windows) == len(touched) == WINDOW // 2 + 5


def prepared(
    preparation: Preparation, root: Path, known: dict[str, Document]
) -> tuple[list[Document], list[Document], list[Passage]]:
    """What is indexed anew, what was only touched, and the passages."""
    collection = Collection("notes", root, ("**/*.md",))
    windows = list(preparation.windows(collection, preparation.plan(collection, known), known))
    return (
        [document for window in windows for document in window.documents],
        [document for window in windows for document in window.touched],
        [passage for window in windows for passage in window.passages],
    )


def test_a_document_that_was_indexed_by_another_reading_is_read_again_under_another_docid(
    tmp_path: Path, preparation: Preparation
) -> None:
    (tmp_path / "a.md").write_text("text")
    os.utime(tmp_path / "a.md", ns=(10**18, 10**18))
    (document,), _, _ = prepared(preparation, tmp_path, {})
    assert document.reading == READING
    assert prepared(preparation, tmp_path, {"a.md": document}) == ([], [], [])
    (again,), touched, (passage,) = prepared(preparation, tmp_path, {"a.md": replace(document, reading="")})
    assert (again.docid, again.content_hash, touched) == (document.docid, document.content_hash, [])
    assert passage.docid == again.docid


def test_the_date_of_a_document_is_that_of_its_front_matter_or_else_of_its_file(
    tmp_path: Path, preparation: Preparation
) -> None:
    (tmp_path / "dated.md").write_text("---\ndate: 2026-03-01\ntags: [bees]\n---\ntext")
    (tmp_path / "plain.md").write_text("text")
    os.utime(tmp_path / "plain.md", ns=(10**18, 10**18))
    (dated, plain), _, passages = prepared(preparation, tmp_path, {})
    assert (dated.properties.date_ns, dated.properties.tags) == (1_772_323_200_000_000_000, ("bees",))
    assert plain.properties.date_ns == 10**18
    assert [passage.properties for passage in passages] == [dated.properties, plain.properties]


def test_a_file_that_was_only_touched_keeps_its_date(tmp_path: Path, preparation: Preparation) -> None:
    """The date is that of the content, and the passages that are stored have it as well."""
    (tmp_path / "a.md").write_text("text")
    os.utime(tmp_path / "a.md", ns=(10**18, 10**18))
    (document,), _, _ = prepared(preparation, tmp_path, {})
    os.utime(tmp_path / "a.md", ns=(2 * 10**18, 2 * 10**18))
    anew, (touched,), _ = prepared(preparation, tmp_path, {"a.md": document})
    assert (anew, touched.mtime_ns, touched.properties.date_ns) == ([], 2 * 10**18, 10**18)
