"""Garbage collection is off while modules are imported."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest

from qmd_mcp.server.process.importing import importing


@pytest.mark.parametrize("set_before", [gc.enable, gc.disable])
def test_nothing_is_collected_meanwhile_and_afterwards_it_is_as_before(set_before: Callable[[], None]) -> None:
    """Also where an import fails."""
    before = gc.isenabled()
    try:
        set_before()
        collecting = gc.isenabled()
        with importing():
            assert not gc.isenabled()
        assert gc.isenabled() == collecting
        with pytest.raises(ImportError), importing():
            raise ImportError
        assert gc.isenabled() == collecting
    finally:
        gc.unfreeze()
        (gc.enable if before else gc.disable)()
