"""Functions that are computed once for all threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from qmd_mcp.inference.runtime.cuda import find_cuda
from qmd_mcp.inference.runtime.once import once


def test_threads_that_ask_at_the_same_time_share_one_computation() -> None:
    begun, second_asks, may_end = threading.Event(), threading.Event(), threading.Event()
    computed: list[object] = []

    @once
    def compute() -> object:
        begun.set()
        may_end.wait(30)
        computed.append(object())
        return computed[-1]

    def ask_second() -> object:
        second_asks.set()
        return compute()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(compute)
        assert begun.wait(30)
        second = threads.submit(ask_second)
        assert second_asks.wait(30)
        may_end.set()
        assert first.result(30) is second.result(30) is compute()
    assert len(computed) == 1


def test_what_could_not_be_computed_is_tried_again() -> None:
    attempts: list[int] = []

    @once
    def compute() -> int:
        attempts.append(len(attempts))
        return 1 // attempts[-1]

    with pytest.raises(ZeroDivisionError):
        compute()
    assert (compute(), compute(), len(attempts)) == (1, 1, 2)


def test_cuda_is_looked_for_once_in_a_process() -> None:
    with ThreadPoolExecutor(8) as threads:
        found = [each.result(60) for each in [threads.submit(find_cuda) for _ in range(8)]]
    assert all(each is found[0] for each in found)
