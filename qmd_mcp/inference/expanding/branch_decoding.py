"""Decoding several continuations of one prompt together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.inference.expanding.decoder import Decoder, Past
from qmd_mcp.inference.expanding.sampling import Sampler
from qmd_mcp.inference.hub.manifest import Sampling


@dataclass(frozen=True, slots=True)
class Branch:
    """One continuation that is wanted.

    Raises:
        ValueError: nothing is forced or nothing may be drawn.
    """

    forced: tuple[int, ...]
    """What it begins with, at least one token."""
    budget: int
    """Tokens to draw at most, at least one."""
    seed: int

    def __post_init__(self) -> None:
        if not self.forced or self.budget < 1:
            sentence = f"A branch begins with a token and draws one: {self}."
            raise ValueError(sentence)


@dataclass(frozen=True, slots=True)
class Continuation:
    """What was drawn for one branch, without what was forced and without the stop token."""

    tokens: tuple[int, ...]
    stopped: bool
    """Whether it came to a stop token, rather than to the end of its budget."""


class GenerationCancelled(Exception):  # noqa: N818  # no error: nobody waits for the continuations any more
    """Ended between two steps because that was asked for."""


@dataclass(slots=True)
class _Row:
    """A branch while it is decoded."""

    branch: Branch
    sampler: Sampler
    fed: int = 0
    drawn: list[int] = field(default_factory=list)
    stopped: bool = False

    @property
    def next(self) -> int:
        forced = self.branch.forced
        return forced[self.fed] if self.fed < len(forced) else (self.drawn or forced)[-1]

    @property
    def is_done(self) -> bool:
        return self.stopped or len(self.drawn) >= self.branch.budget

    def take(self, logits: FloatArray, *, stop: Collection[int]) -> None:
        """Go on by what the step gave; a done row that is still in the batch does not."""
        self.fed += 1
        if self.fed < len(self.branch.forced) or self.is_done:
            return
        token = self.sampler.draw(logits)
        if token in stop:
            self.stopped = True
        else:
            self.drawn.append(token)


def generate(
    decoder: Decoder,
    past: Past,
    branches: Sequence[Branch],
    *,
    stop: Collection[int],
    sampling: Sampling,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Continuation, ...]:
    """Continue each row of `past`, which is spent, by its branch; it has `room_for` the branches.

    All rows are equally long at every step, since forced tokens are fed one at a time like drawn ones: no padding,
    whatever a graph makes of it, and a row is what it would be alone. Done rows leave the batch where that pays.

    Raises:
        GenerationCancelled: `cancelled` said so between two steps.
        ModelError: the graph fails.
    """
    rows = [_Row(branch, Sampler(sampling, seed=branch.seed)) for branch in branches]
    live = list(rows)
    while not all(row.is_done for row in live):
        if cancelled():
            raise GenerationCancelled
        if decoder.narrows and any(row.is_done for row in live):
            places = _without_gaps([place for place, row in enumerate(live) if not row.is_done])
            past = decoder.keep(past, places)
            live = [live[place] for place in places]
        logits, past = decoder.step([row.next for row in live], past)
        for row, values in zip(live, logits, strict=True):
            row.take(values, stop=stop)
    return tuple(Continuation(tuple(row.drawn), stopped=row.stopped) for row in rows)


def room_for(branches: Iterable[Branch]) -> int:
    """Tokens that the longest of them adds to a past."""
    return max((len(branch.forced) + branch.budget for branch in branches), default=0)


def _without_gaps(places: list[int]) -> list[int]:
    """The same places, the last ones moved to the front where one is missing: as few rows as can be move."""
    count = len(places)
    moving = [place for place in places if place >= count]
    staying = set(places)
    return [place if place in staying else moving.pop() for place in range(count)]
