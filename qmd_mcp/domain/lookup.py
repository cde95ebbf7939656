"""What retrieval asks of the index and the models, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qmd_mcp.domain.documents import Passage, SubQuery

FloatArray: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scope:
    """The passages that may be found; an empty scope is the whole index."""

    collections: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """The path must contain every one of them, ignoring case; `*` stands for any characters."""
    titles: tuple[str, ...] = ()
    """The title or an alias must contain every one of them, folded."""
    tags: tuple[str, ...] = ()
    """The document must have every one of them, or a tag below it; folded (`folded`)."""
    after_ns: int | None = None
    """The earliest date, in nanoseconds since the epoch, included."""
    before_ns: int | None = None
    """The first date that is too late."""
    not_paths: tuple[str, ...] = ()
    """The path must contain none of them; otherwise as `paths`."""
    not_titles: tuple[str, ...] = ()
    """The title must contain none of them, ignoring case."""
    not_tags: tuple[str, ...] = ()
    """The document must have none of them, nor a tag below one of them; folded."""


WHOLE_INDEX = Scope()


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """A query for BM25: a passage need not contain every word, but must contain the phrases and not the negatives."""

    words: tuple[str, ...]
    phrases: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    """Words of the index that are looked up, with less weight, in place of words of the query which it lacks."""

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a word nor a phrase to look for."""
        return not self.words and not self.phrases


@dataclass(frozen=True, slots=True)
class Ranking:
    """The passages that one retrieval found, best first."""

    passages: tuple[Passage, ...]
    scores: FloatArray
    """[passages]; BM25 or cosine."""
    vectors: FloatArray
    """[passages, dimension]; unit length, or NaN for a passage that is not embedded yet or was asked for without."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a string stands in the texts of the index, also in the middle of words."""

    passages: int
    """How many passages have it."""
    words: tuple[str, ...] = ()
    """Some of the words in which it stands, or of a script without blanks the letters around it."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """The sub-queries that an expander wrote for one query."""

    lines: tuple[SubQuery, ...]
    cached: bool = False
    """Whether an earlier query had the same expansion written."""


@dataclass(frozen=True, slots=True)
class Reranking:
    """The scores that a cross-encoder gave to passages, in the order in which they were given to it."""

    logits: FloatArray
    """[passages]; higher is better."""
    batches: tuple[int, ...]
    """The number of passages in each forward pass."""
