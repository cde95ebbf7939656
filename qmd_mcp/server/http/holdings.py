"""What a client holds on the server between its requests, a session or a stream, and which one makes room."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

import anyio

Holding = TypeVar("Holding", bound=Hashable)

INTRODUCTION = 2
"""The messages with which a client introduces itself: `initialize` and `notifications/initialized`."""

SILENT_SECONDS = 60.0
"""How long a client that has asked for something may be silent before it makes room for a new one: agents ask several
times a minute while they work, and one that comes back later introduces itself anew, as the protocol wants it."""


class Holdings(Generic[Holding]):
    """The things that clients hold, each with what was said through it and when."""

    def __init__(self) -> None:
        self._messages: dict[Holding, int] = {}
        self._heard: dict[Holding, float] = {}
        """When something was last said through each of them; the longest silent one is the first."""
        self._busy: dict[Holding, int] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Holding]:
        return iter(tuple(self._messages))

    def add(self, holding: Holding, *, messages: int = 0) -> None:
        """Note that a client holds something, through which it has said so many messages."""
        self._messages[holding] = messages
        self._heard[holding] = anyio.current_time()

    def remove(self, holding: Holding) -> None:
        """Note that it is given up; it is no error if that is known."""
        self._messages.pop(holding, None)
        self._heard.pop(holding, None)
        self._busy.pop(holding, None)

    def hear(self, holding: Holding) -> None:
        """Note a message, after which the time of silence begins anew."""
        if holding in self._messages:
            self._messages[holding] += 1
            del self._heard[holding]
            self._heard[holding] = anyio.current_time()

    def occupy(self, holding: Holding) -> None:
        """Note that something is being answered through it, so that it makes no room."""
        self._busy[holding] = self._busy.get(holding, 0) + 1

    def release(self, holding: Holding) -> None:
        """Note that this has been answered."""
        if self._busy.get(holding, 0) > 1:
            self._busy[holding] -= 1
        else:
            self._busy.pop(holding, None)

    def least_used(self) -> Holding | None:
        """Return the one that makes room; None if all are in use.

        That is the one longest silent through which nothing came but an introduction, or else the one longest silent if
        its silence is long enough.
        """
        quiet = [holding for holding in self._heard if holding not in self._busy]
        for holding in quiet:
            if self._messages[holding] <= INTRODUCTION:
                return holding
        if quiet and self._heard[quiet[0]] + SILENT_SECONDS <= anyio.current_time():
            return quiet[0]
        return None
