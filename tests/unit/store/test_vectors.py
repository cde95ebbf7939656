"""Exact dense retrieval over one array."""

import numpy as np
import pytest

from qmd_mcp.store.tables.vector_matrix import VectorMatrix


def test_equals_come_in_the_order_of_their_rows_also_where_the_limit_cuts_among_them() -> None:
    same = np.tile(np.array([0.6, 0.8], dtype=np.float32), (2_000, 1))
    matrix = VectorMatrix(np.arange(2_000, dtype=np.uint64), same)
    rows, cosines = matrix.nearest(np.array([0.6, 0.8], dtype=np.float32), limit=5)
    assert rows == [0, 1, 2, 3, 4]
    assert cosines == pytest.approx([1.0] * 5)


def test_only_the_rows_that_may_be_found_are() -> None:
    angles = np.linspace(0, 1, 8, dtype=np.float32)
    matrix = VectorMatrix(np.arange(8, dtype=np.uint64), np.stack([np.cos(angles), np.sin(angles)], axis=1))
    query = np.array([1.0, 0.0], dtype=np.float32)
    assert matrix.nearest(query, limit=3)[0] == [0, 1, 2]
    assert matrix.nearest(query, limit=3, among=np.array([5, 2], dtype=np.uint64))[0] == [2, 5]
    assert matrix.nearest(query, limit=3, among=np.array([], dtype=np.uint64))[0] == []
