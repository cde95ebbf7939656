"""A function that is computed once in a process, also when several threads call it at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache, wraps
from typing import TypeVar

Result = TypeVar("Result")


def once(compute: Callable[[], Result]) -> Callable[[], Result]:
    """Keep the result of the first call for all later ones; an exception is not kept, so the next call tries again.

    `functools.cache` alone lets two threads that call at the same time both compute.
    """
    lock, kept = threading.Lock(), cache(compute)

    @wraps(compute)
    def computed() -> Result:
        with lock:
            return kept()

    return computed
