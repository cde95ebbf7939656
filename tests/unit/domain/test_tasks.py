"""Errors out of task groups."""

import anyio
import pytest

from qmd_mcp.errors import EmptyQueryError
from qmd_mcp.tasks import task_group

pytestmark = pytest.mark.anyio


async def test_an_error_of_ours_comes_out_as_itself() -> None:
    async def fail() -> None:
        raise EmptyQueryError

    with pytest.raises(EmptyQueryError):
        async with task_group() as outer:
            outer.start_soon(anyio.sleep_forever)
            async with task_group() as inner:
                inner.start_soon(fail)


async def test_a_bug_stays_in_its_group() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as raised:
        async with task_group() as group:
            group.start_soon(fail)
    assert isinstance(raised.value.exceptions[0], ZeroDivisionError)
