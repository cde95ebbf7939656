"""Opening the index for one command."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from qmd_mcp.errors import SettingsError
from qmd_mcp.index_uri import is_local
from qmd_mcp.settings import IndexLocation, Settings

if TYPE_CHECKING:  # importing it takes two seconds, for which --help must not wait
    from qmd_mcp.application.engine import Engine

Result = TypeVar("Result")


OBJECT_STORAGE = ("s3", "s3+ddb", "gs", "az", "abfss", "oss", "cos", "file")
"""The schemes of LanceDB 0.40 under which an index outlives its process; `file` is a folder of this machine."""

DESCRIPTORS = 16
"""File descriptors that an open index needs at once, as tried: with fewer, LanceDB ends in a trace of its own."""


@dataclass(frozen=True, slots=True)
class Session:
    """The settings and the index of one run of the program."""

    settings: Settings
    location: IndexLocation

    def run(
        self, work: Callable[[Engine], Awaitable[Result]], *, create: bool = False, rebuild: bool = False
    ) -> Result:
        """Open the engine, do the work with it, and close it."""
        _check_descriptors()
        import anyio

        from qmd_mcp.application.engine import open_engine

        async def opened() -> Result:
            async with open_engine(self.settings, self.location, create=create, rebuild=rebuild) as engine:
                return await work(engine)

        return anyio.run(opened)


def check_scheme(index: str) -> None:
    """Refuse a URI that names no object storage, rather than let LanceDB take it for another service.

    Raises:
        SettingsError: the scheme is unknown, or is not followed by `://`.
    """
    found = re.match(r"([\w+-]{2,}):/", index)  # one letter is a drive of Windows
    if not found:
        return
    scheme = found[1].lower()
    if scheme not in OBJECT_STORAGE or is_local(index):
        known = ", ".join(f"{each}://" for each in OBJECT_STORAGE)
        sentence = f"{index} names no place of an index. Give a folder, or a URI that begins with {known}."
        raise SettingsError(sentence)


def _check_descriptors() -> None:
    """Raise OSError now if too few files can be opened, as a library would in the middle of the work."""
    taken: list[int] = []
    try:
        taken.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(DESCRIPTORS))
    finally:
        for each in taken:
            os.close(each)
