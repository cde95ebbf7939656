"""One forward pass of a session, whose failures are raised as errors of this product."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from qmd_mcp.errors import ModelError, OutOfMemoryError, first_line

Item = TypeVar("Item")
Result = TypeVar("Result")

LARGE = 2_048
"""From this many tokens on, a forward pass on a GPU gives its memory back when it is done, so that the other models can
use it. It is eight passages, which take .4 GiB in a 0.6B model. On the CPU no memory is given back, because that leaves
it fragmented (benchmarks/results/did_not_help.md)."""

_SHRINKAGE = "memory.enable_memory_arena_shrinkage"

_OUT_OF_MEMORY = ("failed to allocate", "out of memory", "alloc_failed", "bad_alloc", "bad allocation")
"""The words of ONNX Runtime's arena, of CUDA, cuBLAS and cuDNN, and of C++; there is no exception class for them."""


def forward(
    session: ort.InferenceSession,
    *,
    output: str,
    feeds: Mapping[str, NDArray[Any]],
    model: str,
    run: ort.RunOptions | None = None,
) -> NDArray[Any]:
    """Run the session and return one output.

    Raises:
        ModelError: the forward pass fails.
        OutOfMemoryError: memory does not suffice; fewer rows at once may fit.
    """
    ids = feeds["input_ids"]
    run = run or ort.RunOptions()
    if ids.size >= LARGE and session.get_providers()[0] == "CUDAExecutionProvider":
        _shrink_arena(run)
    with failures(model, rows=len(ids)):
        return np.asarray(session.run([output], feeds, run)[0])


def _shrink_arena(run: ort.RunOptions) -> None:
    """Let the GPU's arena shrink after the run.

    Options of an earlier run may already say so, and setting the entry twice prints a warning.
    """
    try:
        run.get_run_config_entry(_SHRINKAGE)
    except RuntimeError:
        run.add_run_config_entry(_SHRINKAGE, "gpu:0")


@contextmanager
def failures(model: str, *, rows: int) -> Generator[None]:
    """Turn whatever ONNX Runtime raises in a forward pass of so many rows into one of our errors.

    Raises:
        ModelError: the forward pass fails.
        OutOfMemoryError: memory does not suffice; fewer rows at once may fit.
    """
    try:
        yield
    except Exception as error:  # ONNX Runtime's exceptions have no common base but Exception
        message = str(error).lower()
        if isinstance(error, MemoryError) or any(words in message for words in _OUT_OF_MEMORY):
            raise OutOfMemoryError(model, rows=rows) from error
        sentence = f"{model} failed: {first_line(error)}"
        raise ModelError(sentence) from error


def in_halves(compute: Callable[[Sequence[Item]], Result], items: Sequence[Item]) -> list[Result]:
    """Compute all items at once or, if memory does not suffice, halve them until they fit; results are in order.

    Raises:
        OutOfMemoryError: not even one item fits.
    """
    try:
        return [compute(items)]
    except OutOfMemoryError:
        if len(items) == 1:
            raise
    half = (len(items) + 1) // 2
    return [*in_halves(compute, items[:half]), *in_halves(compute, items[half:])]
