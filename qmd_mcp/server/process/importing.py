"""Importing much at once."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def importing() -> Generator[None]:
    """Collect no garbage meanwhile, and never look at what is there afterwards.

    What imports make stays. Each collection would look at all of it again: a sixth of the time of importing the server
    and the engine (benchmarks).
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
