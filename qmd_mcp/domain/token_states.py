"""Token states between the embedder, the index and late interaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qmd_mcp.domain.lookup import FloatArray

CodeArray: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class QueryStates:
    """A query's tokens after the encoder."""

    states: FloatArray
    """[tokens, width], unit length."""
    spans: tuple[tuple[int, int], ...]
    """[tokens]; the half-open span of the query that each stands for, empty for a special token."""
    vector: FloatArray
    """[dimension], unit length: what the embedder itself would give."""


@dataclass(frozen=True, slots=True)
class EncodedPassages:
    """Passages after one pass of the encoder."""

    vectors: FloatArray
    """[passages, dimension], unit length: what the embedder itself would give."""
    codes: tuple[CodeArray, ...]
    """[passages]; of each the packed states [tokens, bytes]."""


def packed(states: FloatArray) -> CodeArray:
    """[tokens, width / 8]: one bit for each value, its sign.

    The projection has turned the states so that signs keep their directions; queries stay exact. Of what
    float16 in sixteen times the space gains, this keeps about seven tenths (benchmarks).
    """
    return np.packbits(states > 0, axis=1)


def unpacked(codes: CodeArray) -> FloatArray:
    """[tokens, width], unit length."""
    signs = np.unpackbits(codes, axis=1).astype(np.float32)
    width = np.float32(signs.shape[1])
    states: FloatArray = (2 * signs - 1) / np.sqrt(width)
    return states


@dataclass(frozen=True, slots=True, eq=False)
class PackedStates(Mapping[str, FloatArray]):
    """States by text hash, unpacked when they are looked up: what waits takes a thirty-second of the memory."""

    codes: Mapping[str, CodeArray]

    def __getitem__(self, text_hash: str) -> FloatArray:
        return unpacked(self.codes[text_hash])

    def __iter__(self) -> Iterator[str]:
        return iter(self.codes)

    def __len__(self) -> int:
        return len(self.codes)
