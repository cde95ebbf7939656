"""What retrieval asks of the index, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qmd_mcp.domain.documents import Passage, SubQuery

FloatArray: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which passages may be found at all; an empty scope is the whole index."""

    collections: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Every one must be part of the path, case folded; `*` stands for anything."""
    titles: tuple[str, ...] = ()
    """Every one must be part of the title, case folded."""


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """A query for BM25: words are a soft OR, phrases must occur, negatives must not."""

    words: tuple[str, ...]
    phrases: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not self.words and not self.phrases


@dataclass(frozen=True, slots=True)
class Ranking:
    """What one retrieval found, best first."""

    passages: tuple[Passage, ...]
    scores: FloatArray
    """[passages]; BM25 or cosine."""
    vectors: FloatArray
    """[passages, dimension]; unit length, NaN where a passage is not embedded yet."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """What an expander made of one query."""

    lines: tuple[SubQuery, ...]
    cached: bool = False
    """Whether it was known from an earlier query."""


@dataclass(frozen=True, slots=True)
class Reranking:
    """What a cross-encoder says about passages, in the order in which they were given."""

    logits: FloatArray
    """[passages]; higher is better."""
    batches: tuple[int, ...]
    """Passages in each forward."""
