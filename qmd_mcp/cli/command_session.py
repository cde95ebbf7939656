"""Opening the index for one command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from qmd_mcp.settings import IndexLocation, Settings

if TYPE_CHECKING:  # importing it takes two seconds, for which --help must not wait
    from qmd_mcp.application.engine import Engine

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Session:
    """The settings and the index of one run of the program."""

    settings: Settings
    location: IndexLocation

    def run(
        self, work: Callable[[Engine], Awaitable[Result]], *, create: bool = False, rebuild: bool = False
    ) -> Result:
        """Open the engine, do the work with it, and close it."""
        import anyio

        from qmd_mcp.application.engine import open_engine

        async def opened() -> Result:
            async with open_engine(self.settings, self.location, create=create, rebuild=rebuild) as engine:
                return await work(engine)

        return anyio.run(opened)
