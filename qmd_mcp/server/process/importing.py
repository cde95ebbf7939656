"""Importing many modules at once."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def importing() -> Generator[None]:
    """Collect no garbage within the block, and exclude all objects that exist after it from later collections.

    Objects that imports create stay until the process ends. Each garbage collection would examine all of them again,
    which took a sixth of the time of importing the server and the engine (benchmarks/results/serving.md).
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
