"""The decoder, a causal language model: it takes tokens and a KV cache and gives logits and a longer cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.errors import ModelError
from qmd_mcp.inference.expanding.decoder_contract import CacheEntry, DecoderContract, cache_after_a_token, read_contract
from qmd_mcp.inference.runtime.forward import failures

CacheArray: TypeAlias = NDArray[Any]  # [rows, heads, tokens, head size], float16 or float32

CHUNK = 64
"""Tokens of a prompt in one forward pass. A graph that cannot leave out the logits of a prompt writes chunk ×
vocabulary of them, which is 39 MB for 64 tokens of Qwen3."""

_NAME = "The decoder"
"""The model's name in error messages: a graph does not say which model it is."""

_PROBED_ROOM = 2
"""Length of the cache with which a graph is probed. If it still has length two after one token, the graph writes the
cache in place; a graph that appends gives three or fails."""


@dataclass(frozen=True, slots=True)
class Past:
    """The KV cache of a batch of rows that are equally long.

    A continuation may write into the same memory, behind the tokens that this value counts, and overwrite an earlier
    continuation. `Decoder.fork` makes a copy.
    """

    rows: int
    length: int
    """Tokens in each row."""
    entries: tuple[ort.OrtValue, ...]
    """The keys and values of each layer, in the contract's order; each is at least `length` tokens long."""
    arrays: tuple[CacheArray, ...] | None
    """The same memory as NumPy arrays, or None if it is on a GPU or was allocated by ONNX Runtime."""
    bindings: dict[bool, ort.IOBinding] = field(default_factory=dict, compare=False)
    """This memory bound as input and output of the session, with logits (True) and without (False); empty if the graph
    does not write in place. Binding 56 arrays anew at each step was most of the time that a step spent outside the
    session (.29 of 15.8 ms, benchmarks)."""


class Decoder:
    """Runs a session with a KV cache, and knows nothing about text; synchronous, for one caller at a time.

    A graph with `GroupQueryAttention` takes a cache that has room for more tokens and writes into it, so that a step
    copies nothing. Any other graph returns a longer cache at each step. On CUDA the cache stays on the device in both
    cases, and only the logits leave it.

    Raises:
        ModelError: the graph is no decoder, or its provider cannot run it.
    """

    def __init__(self, session: ort.InferenceSession) -> None:
        self.contract: DecoderContract = read_contract(session)
        self.provider = str(session.get_providers()[0])
        self._session = session
        self._device = "cuda" if self.provider == "CUDAExecutionProvider" else "cpu"
        after = cache_after_a_token(session, self.contract, room=_PROBED_ROOM)
        self.writes_in_place = not isinstance(after, str) and after[2] == _PROBED_ROOM
        if not self.writes_in_place and isinstance(reason := cache_after_a_token(session, self.contract, room=0), str):
            sentence = f"The decoder does not run on {self.provider}: {reason}"
            raise ModelError(sentence)

    def __str__(self) -> str:
        """The contract in words."""
        contract, first = self.contract, self.contract.cache[0]
        cache = f"{contract.cache_type.__name__} cache {'written in place' if self.writes_in_place else 'that grows'}"
        layers = f"{contract.layers} layers of {first.heads} heads of {first.head_size}"
        return f"causal LM, {layers}, {cache}, {contract.vocabulary:,} words"

    @property
    def narrows(self) -> bool:
        """Whether it pays to remove rows from the batch. On a GPU it does not: a step reads all weights in any case."""
        return self._device == "cpu"

    def empty(self, *, room: int) -> Past:
        """Return a past of one row without tokens, with room for so many tokens."""
        tokens = room if self.writes_in_place else 0
        return self._past([self._zeros(entry, rows=1, tokens=tokens) for entry in self.contract.cache], length=0)

    def fork(self, past: Past, *, rows: int, room: int, over: Past | None = None, known: int = 0) -> Past:
        """Copy the one row of a past into so many rows, each with room for so many more tokens.

        `over` is an earlier fork that nobody needs any more and whose first `known` tokens are those of this past. If
        it is large enough, its memory is used again, because fresh pages for hundreds of megabytes cost more time than
        the copying.

        Raises:
            OutOfMemoryError: memory does not suffice; fewer rows at once may fit.
        """
        tokens = past.length + (room if self.writes_in_place else 0)
        with failures(_NAME, rows=rows):
            taken = over.arrays if over and self.can_take(over, rows=rows, tokens=tokens) else None
            start = 0 if taken is None else known
            copies = taken or [self._zeros(entry, rows=rows, tokens=tokens) for entry in self.contract.cache]
            for copy, array in zip(copies, self._arrays(past), strict=True):
                copy[:, :, start : past.length] = array[:, :, start : past.length]
            return self._past(copies, length=past.length)

    def can_take(self, past: Past, *, rows: int, tokens: int) -> bool:
        """Whether the memory of a past can be written here and holds so many rows of so many tokens."""
        if past.arrays is None or not self.writes_in_place:
            return False
        return past.rows == rows and past.arrays[0].shape[2] >= tokens

    def keep(self, past: Past, rows: Sequence[int]) -> Past:
        """Keep these rows, in this order.

        `rows[place] >= place` must hold for each, so that no row is overwritten before it has been moved.
        """
        kept: list[CacheArray] = []
        for array in self._arrays(past):
            for place, row in enumerate(rows):
                if place != row:
                    array[place, :, : past.length] = array[row, :, : past.length]
            kept.append(array[: len(rows)])
        return self._past(kept, length=past.length)

    def prefill(self, tokens: Sequence[int], past: Past) -> Past:
        """Append the tokens of a prompt to a past of one row.

        Raises:
            ModelError: a forward pass fails.
        """
        for start in range(0, len(tokens), CHUNK):
            chunk = np.array([tokens[start : start + CHUNK]], dtype=np.int64)
            _, past = self._forward(chunk, past, logits=False)
        return past

    def step(self, tokens: Sequence[int], past: Past) -> tuple[FloatArray, Past]:
        """Append one token to each row, and return the logits [rows, vocabulary] of the next token.

        Raises:
            ModelError: the forward pass fails.
            OutOfMemoryError: memory does not suffice; fewer rows at once may fit.
        """
        logits, past = self._forward(np.array(tokens, dtype=np.int64)[:, None], past, logits=True)
        return logits[:, -1].astype(np.float32, copy=False), past

    def _forward(self, tokens: NDArray[np.int64], past: Past, *, logits: bool) -> tuple[CacheArray, Past]:
        new = tokens.shape[1]
        total = past.length + new
        binding = self._bound(past, logits=logits)
        binding.bind_cpu_input("input_ids", tokens)
        binding.bind_cpu_input("attention_mask", np.ones((past.rows, total), dtype=np.int64))
        if self.contract.takes_positions:
            positions = np.arange(past.length, total, dtype=np.int64)
            binding.bind_cpu_input("position_ids", np.repeat(positions[None], past.rows, axis=0))
        if self.contract.kept_logits:
            binding.bind_cpu_input(self.contract.kept_logits, np.array(1, dtype=np.int64))
        kept = 1 if self.contract.kept_logits else new
        room = np.empty((past.rows, kept, self.contract.vocabulary) if logits else 0, dtype=self.contract.logits_type)
        if logits:
            binding.bind_ortvalue_output("logits", ort.OrtValue.ortvalue_from_numpy(room))
        with failures(_NAME, rows=past.rows):
            self._session.run_with_iobinding(binding)
        if self.writes_in_place:
            return room, replace(past, length=total)
        grown = tuple(binding.get_outputs()[: len(self.contract.cache)])
        return room, Past(rows=past.rows, length=total, entries=grown, arrays=None)

    def _bound(self, past: Past, *, logits: bool) -> ort.IOBinding:
        """Bind the cache as input and output; the other inputs are bound at each forward pass."""
        if logits in past.bindings:
            return past.bindings[logits]
        binding = self._session.io_binding()
        for entry, value in zip(self.contract.cache, past.entries, strict=True):
            binding.bind_ortvalue_input(entry.past, value)
            if self.writes_in_place:
                binding.bind_ortvalue_output(entry.present, value)
            else:
                binding.bind_output(entry.present, self._device)
        if self.writes_in_place:
            past.bindings[logits] = binding
        return binding

    def _past(self, arrays: Sequence[CacheArray], *, length: int) -> Past:
        entries = tuple(ort.OrtValue.ortvalue_from_numpy(array, self._device, 0) for array in arrays)
        reachable = tuple(arrays) if self._device == "cpu" else None
        return Past(rows=arrays[0].shape[0], length=length, entries=entries, arrays=reachable)

    def _arrays(self, past: Past) -> Sequence[CacheArray]:
        """Return the cache as NumPy arrays; if it is on a GPU they are copies."""
        return past.arrays if past.arrays is not None else [entry.numpy() for entry in past.entries]

    def _zeros(self, entry: CacheEntry, *, rows: int, tokens: int) -> CacheArray:
        return np.zeros((rows, entry.heads, tokens, entry.head_size), dtype=self.contract.cache_type)
