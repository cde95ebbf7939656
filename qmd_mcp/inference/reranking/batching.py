"""The division of texts into forward passes with as little padding as pays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

FORWARD_TOKENS = 64
"""The cost of one more forward pass, in tokens. Launching the 400 kernels of a 0.6B model takes a GPU about 2 ms, in
which it computes so many tokens at 30 TFLOP/s; a CPU must read the weights again. With this cost 40 real passages take
7 forward passes with 4 % padding; a cost of 128 gives 5 with 7 %, 256 gives 4 with 10 %, and a single forward pass has
32 % (benchmarks/results/rerankers.md)."""


def plan(lengths: Sequence[int], *, fits: Callable[[int, int], bool]) -> tuple[tuple[int, ...], ...]:
    """Divide texts of these lengths, given as indices, into the forward passes that cost least.

    A forward pass costs its tokens, padding included, and FORWARD_TOKENS. Its texts are neighbours in length.
    `fits(rows, tokens)` says whether a forward pass of that shape is allowed; one row always is.
    """
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    cost, begin = [0] * (len(order) + 1), [0] * (len(order) + 1)  # by number of texts
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        cost[end], begin[end] = cost[end - 1] + longest + FORWARD_TOKENS, end - 1
        for start in range(end - 2, -1, -1):
            rows = end - start
            if not fits(rows, longest):
                break
            if (total := cost[start] + rows * longest + FORWARD_TOKENS) <= cost[end]:
                cost[end], begin[end] = total, start
    batches: list[tuple[int, ...]] = []
    end = len(order)
    while end:
        batches.append(tuple(order[begin[end] : end]))
        end = begin[end]
    return tuple(reversed(batches))


def padding(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> float:
    """Return the share of the computed tokens that is padding."""
    computed = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)
    return 1 - sum(lengths[row] for batch in batches for row in batch) / computed if computed else 0.0
