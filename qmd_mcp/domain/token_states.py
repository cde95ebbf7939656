"""Token states, which the embedder computes, the index stores and late interaction compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qmd_mcp.domain.lookup import FloatArray

CodeArray: TypeAlias = NDArray[np.uint8]
"""Packed token states of one text, [tokens, width / 8]."""


@dataclass(frozen=True, slots=True)
class QueryStates:
    """The encoder's output for the tokens of a query."""

    states: FloatArray
    """[tokens, width], unit length."""
    spans: tuple[tuple[int, int], ...]
    """[tokens]; the half-open span of the query that each token stands for, which is empty for a special token."""
    vector: FloatArray
    """[dimension], unit length; the vector that the embedder would give."""


@dataclass(frozen=True, slots=True)
class TokenComparison:
    """What comparing a query with passages token by token says of each passage."""

    maxsim: FloatArray
    """[passages]; weighted mean cosines, at most 1, higher is better; NaN for a passage without token states."""
    unmet: FloatArray
    """[passages]; how rare the word of the query is that the passage meets least, 0 to about 1; NaN likewise."""


@dataclass(frozen=True, slots=True)
class EncodedPassages:
    """The encoder's output for passages, from one forward pass for each batch."""

    vectors: FloatArray
    """[passages, dimension], unit length; the vectors that the embedder would give."""
    codes: tuple[CodeArray, ...]
    """[passages]; the packed token states of each."""


def packed(states: FloatArray) -> CodeArray:
    """Pack token states [tokens, width] into one bit for each value, its sign: [tokens, width / 8].

    The projection has rotated the states so that their signs keep their directions. Only passages are packed, queries
    are compared exactly. This keeps about seven tenths of what late interaction gains with float16, which takes sixteen
    times the space (benchmarks/results/late_interaction.md).
    """
    return np.packbits(states > 0, axis=1)


def unpacked(codes: CodeArray) -> FloatArray:
    """The token states [tokens, width] of packed ones; each has unit length."""
    signs = np.unpackbits(codes, axis=1).astype(np.float32)
    width = np.float32(signs.shape[1])
    states: FloatArray = (2 * signs - 1) / np.sqrt(width)
    return states


@dataclass(frozen=True, slots=True, eq=False)
class PackedStates(Mapping[str, FloatArray]):
    """Token states by text hash, which stay packed, in a thirty-second of the memory, until they are looked up."""

    codes: Mapping[str, CodeArray]

    def __getitem__(self, text_hash: str) -> FloatArray:
        return unpacked(self.codes[text_hash])

    def __iter__(self) -> Iterator[str]:
        return iter(self.codes)

    def __len__(self) -> int:
        return len(self.codes)
