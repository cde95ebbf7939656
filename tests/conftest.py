"""What every test shares."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator

import pytest
from anyio.abc import TaskGroup
from hypothesis import settings

import qmd_mcp  # noqa: F401  before numpy: it sets how many threads products take
from qmd_mcp.tasks import background

# No deadlines: machines are noisy, and no test asserts a time. `make thorough` tries a thousand examples.
settings.register_profile("steady", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=1_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores, since a sixth of the suite's time is spent waiting for processes."""
    return (os.cpu_count() or 1) + 1


def pytest_report_header() -> list[str]:
    """Versions and providers that the results depend on."""
    import numpy as np
    import onnxruntime

    providers = ", ".join(onnxruntime.get_available_providers())
    return [f"numpy {np.__version__}, onnxruntime {onnxruntime.__version__} ({providers})"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The backend of every asynchronous test and fixture: LanceDB's asynchronous API needs asyncio."""
    return "asyncio"


@pytest.fixture
async def tasks() -> AsyncGenerator[TaskGroup]:
    """A task group for what goes on beside a test and ends with it."""
    async with background() as group:
        yield group
