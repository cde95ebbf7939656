"""From a plan to windows of documents and passages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from qmd_mcp.corpus.chunking.chunker import Chunker
from qmd_mcp.corpus.indexing.preparation import WINDOW, Preparation
from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.domain.documents import Collection


@pytest.fixture
def preparation() -> Preparation:
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106  a token of the vocabulary
    tokenizer.pre_tokenizer = Whitespace()
    return Preparation(chunker=Chunker(tokenizer), decode=read, max_file_bytes=1_000)


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
