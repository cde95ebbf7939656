"""Decoding of several continuations of one prompt in one batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.inference.expanding.decoder import Decoder, Past
from qmd_mcp.inference.expanding.sampling import Sampler
from qmd_mcp.inference.hub.manifest import Sampling


@dataclass(frozen=True, slots=True)
class Branch:
    """The request for one continuation.

    Raises:
        ValueError: there is no forced token, or the budget is zero.
    """

    forced: tuple[int, ...]
    """The tokens that the continuation begins with; at least one."""
    budget: int
    """How many tokens may be sampled; at least one."""
    seed: int

    def __post_init__(self) -> None:
        if not self.forced or self.budget < 1:
            sentence = f"A branch needs a forced token and a budget of at least one: {self}."
            raise ValueError(sentence)


@dataclass(frozen=True, slots=True)
class Continuation:
    """The tokens that were sampled for one branch, without the forced tokens and without the stop token."""

    tokens: tuple[int, ...]
    stopped: bool
    """Whether it ended with a stop token rather than at the end of its budget."""


class GenerationCancelled(Exception):  # noqa: N818  # it is no error: nobody waits for the continuations any more
    """The decoding ended between two steps because its caller asked for that."""


@dataclass(slots=True)
class _Row:
    """The state of a branch while it is decoded."""

    branch: Branch
    sampler: Sampler
    fed: int = 0
    """How many tokens the decoder has been given."""
    drawn: list[int] = field(default_factory=list)
    stopped: bool = False

    @property
    def next(self) -> int:
        """The token that the next step feeds."""
        forced = self.branch.forced
        return forced[self.fed] if self.fed < len(forced) else (self.drawn or forced)[-1]

    @property
    def is_done(self) -> bool:
        """Whether nothing more is sampled for the branch."""
        return self.stopped or len(self.drawn) >= self.branch.budget

    def take(self, logits: FloatArray, *, stop: Collection[int]) -> None:
        """Sample the next token from the logits of a step, unless forced tokens remain or the row is done."""
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
    """Continue each row of `past` by its branch.

    `past` must have `room_for` the branches and must not be used afterwards. All rows are equally long at every step,
    because forced tokens are fed one at a time like sampled ones. So there is no padding, which a graph might treat in
    any way, and each row is as it would be alone. Rows that are done leave the batch if that makes steps faster.

    Raises:
        GenerationCancelled: `cancelled` returned True between two steps.
        ModelError: a forward pass fails.
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
    """Return how many tokens the longest branch adds to a past."""
    return max((len(branch.forced) + branch.budget for branch in branches), default=0)


def _without_gaps(places: list[int]) -> list[int]:
    """Reorder the places so that the last ones fill the gaps at the front; as few rows as possible are moved."""
    count = len(places)
    moving = [place for place in places if place >= count]
    staying = set(places)
    return [place if place in staying else moving.pop() for place in range(count)]
