"""Forwards of a session, whose failures are ours."""

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
"""Tokens of a forward that gives a GPU's memory back when it is done, for the other models: eight passages, which
take a 0.6B model .4 GiB. Not on the processor, where what is given back comes to lie in pieces (benchmarks)."""

_SHRINKAGE = "memory.enable_memory_arena_shrinkage"

_OUT_OF_MEMORY = ("failed to allocate", "out of memory", "alloc_failed", "bad_alloc", "bad allocation")
"""What ONNX Runtime's arena, CUDA, cuBLAS and cuDNN, and C++ say; there is no class for it."""


def forward(
    session: ort.InferenceSession,
    *,
    output: str,
    feeds: Mapping[str, NDArray[Any]],
    model: str,
    run: ort.RunOptions | None = None,
) -> NDArray[Any]:
    """Compute one output.

    Raises:
        ModelError: it cannot be computed.
        OutOfMemoryError: fewer rows at once may be.
    """
    ids = feeds["input_ids"]
    run = run or ort.RunOptions()
    if ids.size >= LARGE and session.get_providers()[0] == "CUDAExecutionProvider":
        _give_back(run)
    with failures(model, rows=len(ids)):
        return np.asarray(session.run([output], feeds, run)[0])


def _give_back(run: ort.RunOptions) -> None:
    """Have the GPU's arena shrink after the run; options of an earlier one say so already, and twice is a warning."""
    try:
        run.get_run_config_entry(_SHRINKAGE)
    except RuntimeError:
        run.add_run_config_entry(_SHRINKAGE, "gpu:0")


@contextmanager
def failures(model: str, *, rows: int) -> Generator[None]:
    """Whatever ONNX Runtime raises in a forward of so many rows, as one of our errors.

    Raises:
        ModelError: it cannot be computed.
        OutOfMemoryError: fewer rows at once may be.
    """
    try:
        yield
    except Exception as error:  # ONNX Runtime's exceptions have no common base but Exception
        said = str(error)
        if isinstance(error, MemoryError) or any(words in said.lower() for words in _OUT_OF_MEMORY):
            raise OutOfMemoryError(model, rows=rows) from error
        sentence = f"{model} failed: {first_line(error)}"
        raise ModelError(sentence) from error


def in_halves(compute: Callable[[Sequence[Item]], Result], items: Sequence[Item]) -> list[Result]:
    """What comes of all items at once or, where memory does not suffice, of as many at once as fit, in order.

    Raises:
        OutOfMemoryError: not even one fits.
    """
    try:
        return [compute(items)]
    except OutOfMemoryError:
        if len(items) == 1:
            raise
    half = (len(items) + 1) // 2
    return [*in_halves(compute, items[:half]), *in_halves(compute, items[half:])]
