"""The projection of token states to fewer dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.errors import ModelError

_SHORTEST = np.float32(1e-6)
"""States are divided by at least this length, so that a state of zeros stays zeros."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Subtracts the mean of unit states and keeps the directions in which they vary most."""

    mean: FloatArray
    """[width of the states]."""
    basis: FloatArray
    """[width of the states, width kept], orthonormal columns."""

    def __call__(self, states: FloatArray) -> FloatArray:
        """Project [tokens, width of the states] to [tokens, width kept], unit length."""
        return _unit(np.asarray((_unit(states) - self.mean) @ self.basis, dtype=np.float32))


def projection_beside(folder: Path) -> Path | None:
    """Return the projection that comes with an embedder's folder, or None if the embedder has no late interaction."""
    path = folder.parent / "late" / "projection.npy"
    return path if path.is_file() else None


def read_projection(path: Path, *, dimension: int) -> Projection:
    """Read a projection of states of that dimension: an array whose first row is the mean and whose others the basis.

    Raises:
        ModelError: the file is missing, is no array, or fits another model.
    """
    try:
        rows = np.load(path, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError, EOFError) as error:
        sentence = f"The projection {path.parent.name}/{path.name} cannot be read: {error}"
        raise ModelError(sentence) from error
    if rows.ndim != 2 or rows.shape[1] != dimension:  # noqa: PLR2004  a matrix
        sentence = f"The projection {path.parent.name}/{path.name} has shape {rows.shape} and not (…, {dimension})."
        raise ModelError(sentence)
    return Projection(mean=rows[0], basis=np.ascontiguousarray(rows[1:].T))


def _unit(states: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(states, axis=1, keepdims=True)
    scaled: FloatArray = states / np.maximum(lengths, _SHORTEST)
    return scaled
