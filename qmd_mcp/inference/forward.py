"""One forward of a session, whose failures are ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from qmd_mcp.errors import ModelError, OutOfMemoryError

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
    try:
        return np.asarray(session.run([output], feeds, run)[0])
    except Exception as error:  # ONNX Runtime's exceptions have no common base but Exception
        said = str(error)
        if isinstance(error, MemoryError) or any(words in said.lower() for words in _OUT_OF_MEMORY):
            raise OutOfMemoryError(model, shape=feeds["input_ids"].shape) from error
        sentence = f"{model} failed: {said.splitlines()[0] if said else type(error).__name__}"
        raise ModelError(sentence) from error
