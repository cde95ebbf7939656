"""Comparing documents with their files."""

from __future__ import annotations

import os
import time
from hashlib import sha256
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from qmd_mcp.corpus.scanning.freshness import FreshnessCheck
from qmd_mcp.domain.documents import Collection, Document

pytestmark = pytest.mark.anyio

LONG_AGO = int(time.time() - 3_600) * 1_000_000_000


def document(root: Path, name: str, *, indexed: str = "text", now: str = "text") -> Document:
    """A document whose file was touched after it was indexed."""
    path = root / name
    path.write_text(now)
    os.utime(path, ns=(LONG_AGO, LONG_AGO))
    content_hash = sha256(indexed.encode()).hexdigest()
    return Document(f"{name:0<32}", "notes", name, "", content_hash, len(indexed), LONG_AGO - 1, LONG_AGO, 1)


async def test_a_touched_file_is_compared_by_its_content(tmp_path: Path) -> None:
    documents = [document(tmp_path, "same.md"), document(tmp_path, "other.md", now="tixt")]
    collections = {"notes": Collection("notes", tmp_path, ("*.md",))}
    check = FreshnessCheck()
    for _ in range(2):
        assert list((await check.of(documents, collections)).values()) == ["current", "changed"]


async def test_answers_stay_right_when_what_is_remembered_overflows(tmp_path: Path) -> None:
    documents = [document(tmp_path, f"{number}.md") for number in range(5)]
    check = FreshnessCheck(kept=1)
    for _ in range(2):
        found = await check.of(documents, {"notes": Collection("notes", tmp_path, ("*.md",))})
        assert set(found.values()) == {"current"}


async def test_files_are_compared_while_every_other_worker_thread_is_occupied(tmp_path: Path) -> None:
    """And the other way round: comparisons that wait for a file system leave the other threads alone."""
    documents = [document(tmp_path, "a.md")]
    others = anyio.to_thread.current_default_thread_limiter()
    occupants = [object() for _ in range(int(others.total_tokens))]
    for each in occupants:
        others.acquire_on_behalf_of_nowait(each)
    try:
        with anyio.fail_after(30):
            found = await FreshnessCheck().of(documents, {"notes": Collection("notes", tmp_path, ("*.md",))})
    finally:
        for each in occupants:
            others.release_on_behalf_of(each)
    assert list(found.values()) == ["current"]
