"""Which texts go through a model together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

FORWARD_TOKENS = 64
"""What one more forward costs, in tokens: launching the 400 kernels of a 0.6B model takes a GPU about 2 ms, in which it
computes so many tokens at 30 TFLOP/s; a CPU reads the weights. 40 real passages take 7 forwards with 4 % padding; with
128 here 5 with 7 %, with 256 4 with 10 %, all in one 32 % (benchmarks)."""


def plan(lengths: Sequence[int], *, fits: Callable[[int, int], bool]) -> tuple[tuple[int, ...], ...]:
    """Partition texts of these lengths into forwards so that the fewest padded tokens are computed.

    Texts are neighbours in length within a forward; each forward costs FORWARD_TOKENS beside its own. A forward of so
    many rows and tokens must fit; one row always does.
    """
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    cost, begin = [0] * (len(order) + 1), [0] * (len(order) + 1)  # of the first so many
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
    """Share of the computed tokens that are padding."""
    computed = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)
    return 1 - sum(lengths[row] for batch in batches for row in batch) / computed if computed else 0.0
