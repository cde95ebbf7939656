"""The work of one caller that waits to be computed, and what a model must offer to compute it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import anyio
import onnxruntime as ort

Item = TypeVar("Item")
Result = TypeVar("Result")
Item_contra = TypeVar("Item_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class BatchModel(Protocol[Item_contra, Result_co]):
    """A model that computes several items in one forward pass."""

    @property
    def batch_invariant(self) -> bool:
        """Whether an item has the same result alone and in any batch. If not, items of two callers are never mixed."""
        ...

    def batches(self, items: Sequence[Item_contra], /) -> Sequence[Sequence[int]]:
        """Divide the items, given as indices, into forward passes; each item is in exactly one."""
        ...

    def forward(self, items: Sequence[Item_contra], /, *, run: ort.RunOptions) -> Iterable[Result_co]:
        """Compute a result for each item; stop soon after `run.terminate` is set."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What a caller gets for its items."""

    results: tuple[Result, ...]
    """In the order of the items."""
    batches: tuple[int, ...]
    """The size of each forward pass that an item took part in, items of other callers included."""


@dataclass(slots=True, eq=False)
class Job(Generic[Item, Result]):
    """The items of one caller while they are computed."""

    model: BatchModel[Item, Result]
    items: Sequence[Item]
    waiting: list[int]
    """The places of the items that no forward pass has taken yet."""
    results: dict[int, Result] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    error: Exception | None = None
    over: bool = False
    """Whether the job is complete, has failed, or was given up by its caller."""
    ended: anyio.Event = field(default_factory=anyio.Event)

    def end(self, error: Exception | None = None) -> None:
        """Wake the caller, with its results or with an error."""
        self.error, self.over = error, True
        self.ended.set()

    def outcome(self) -> Outcome[Result]:
        """Return the results of a job that has ended.

        Raises:
            Exception: what the model raised for one of the items alone.
        """
        if self.error is not None:
            raise self.error
        return Outcome(tuple(self.results[place] for place in range(len(self.items))), tuple(self.batches))


@dataclass(frozen=True, slots=True)
class Entry(Generic[Item, Result]):
    """One item of a job."""

    job: Job[Item, Result]
    place: int

    @property
    def item(self) -> Item:
        """The item itself."""
        return self.job.items[self.place]

    def finish(self, result: Result) -> None:
        """Record the item's result, and end the job if it was the last."""
        self.job.results[self.place] = result
        if len(self.job.results) == len(self.job.items):
            self.job.end()
