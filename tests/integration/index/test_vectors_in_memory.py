"""Exact retrieval over the vectors of a small table, against LanceDB's own scan."""

from __future__ import annotations

from pathlib import Path

import anyio
import numpy as np
import pytest

from qmd_mcp.domain.documents import Passage, docid_of
from qmd_mcp.domain.lookup import FloatArray, LexicalQuery, Scope
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.tables.passage_rows import Kept
from qmd_mcp.store.tables.passage_table import PassageTable

pytestmark = pytest.mark.anyio

DIMENSION = 16
COUNT = 300


def passage(number: int) -> Passage:
    path = f"{number}.md"
    return Passage(
        docid=docid_of("even" if number % 2 == 0 else "odd", path, "hash"),
        collection="even" if number % 2 == 0 else "odd",
        path=path,
        title="",
        ordinal=0,
        heading=(),
        breadcrumb="",
        text=f"passage {number}",
        start_line=1,
        end_line=1,
        start_char=0,
        end_char=9,
    )


def unit_vectors(seed: int, count: int) -> FloatArray:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


async def filled(folder: Path, *, in_memory: bool) -> PassageTable:
    """Every seventh passage is not embedded; some were deleted again, so that row numbers have gaps."""
    database = await Database.create(str(folder))
    limit = 10_000 if in_memory else 0
    table = await PassageTable.open(database, fingerprint="f", dimension=DIMENSION, exact_scan_limit=limit)
    vectors = unit_vectors(1, COUNT)
    known = [None if number % 7 == 0 else vectors[number] for number in range(COUNT)]
    for start in range(0, COUNT, 100):
        await table.add([passage(number) for number in range(start, start + 100)], known[start : start + 100])
    await table.remove([passage(number).docid for number in range(0, COUNT, 11)])
    return table


@pytest.mark.parametrize(
    "scope", [Scope(), Scope(collections=("even",)), Scope(paths=("1",)), Scope(collections=("none",))]
)
async def test_what_is_compared_in_memory_is_what_a_scan_finds(tmp_path: Path, scope: Scope) -> None:
    ours, scan = await filled(tmp_path / "a", in_memory=True), await filled(tmp_path / "b", in_memory=False)
    for query in unit_vectors(2, 10):
        for limit in (1, 25, COUNT * 2):
            found = await ours.dense(query, scope=scope, limit=limit)
            expected = await scan.dense(query, scope=scope, limit=limit)
            assert [each.path for each in found.passages] == [each.path for each in expected.passages]
            np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
            np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-7)


async def test_words_bring_the_same_vectors_and_nan_where_there_is_none(tmp_path: Path) -> None:
    ours, scan = await filled(tmp_path / "a", in_memory=True), await filled(tmp_path / "b", in_memory=False)
    query = LexicalQuery(("passage", "7", "8"))
    found, expected = [await table.lexical(query, scope=Scope(), limit=50, vectors="with") for table in (ours, scan)]
    by_path = {each.path: vector for each, vector in zip(expected.passages, expected.vectors, strict=True)}
    assert {each.path for each in found.passages} == set(by_path)
    for each, vector in zip(found.passages, found.vectors, strict=True):
        np.testing.assert_allclose(vector, by_path[each.path])
    assert np.isnan(found.vectors[[each.path for each in found.passages].index("7.md")]).all()


async def test_a_later_version_is_seen_by_the_next_search_also_of_many_at_once(tmp_path: Path) -> None:
    table = await filled(tmp_path, in_memory=True)
    query = unit_vectors(3, 1)[0]
    nearest: list[str] = []

    async def ask() -> None:
        nearest.append((await table.dense(query, scope=Scope(), limit=1)).passages[0].path)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask)
    assert len(set(nearest)) == 1
    await table.add([passage(1_000)], [query])
    await ask()
    assert nearest[-1] == "1000.md"


async def test_a_table_that_outgrows_memory_is_scanned(tmp_path: Path) -> None:
    database = await Database.create(str(tmp_path))
    table = await PassageTable.open(database, fingerprint="f", dimension=DIMENSION, exact_scan_limit=3)
    vectors = unit_vectors(4, 5)
    for number, vector in enumerate(vectors):
        await table.add([passage(number)], [vector])
        found = await table.dense(vector, scope=Scope(), limit=1)
        assert found.passages[0].path == f"{number}.md"


def test_kept_rows_stay_within_their_bytes_and_the_oldest_go_first() -> None:
    kept = Kept[str](len, limit=10)
    kept.keep({1: "aaaa", 2: "bbbb"})
    kept.keep({1: "aaaa", 3: "cc"})
    assert (kept.known(range(5)), kept.size) == ({1: "aaaa", 2: "bbbb", 3: "cc"}, 10)
    kept.keep({4: "d"})
    assert (kept.known(range(5)), kept.size) == ({2: "bbbb", 3: "cc", 4: "d"}, 7)
    kept.keep({5: "e" * 11})
    assert (kept.known(range(6)), kept.size) == ({}, 0)
