"""The contract of a causal language model: what its graph takes and gives, read from the graph."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NoReturn, TypeAlias

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from qmd_mcp.errors import ModelError

CacheType: TypeAlias = type[np.float16] | type[np.float32]

_PAST = re.compile(r"past_key_values\.(\d+)\.(key|value)")
_LAYER = re.compile(r"\.\d+\.")
_FLOATS: dict[str, CacheType] = {"tensor(float16)": np.float16, "tensor(float)": np.float32}
_HEAD_SIZES = (128, 64, 256, 96, 80, *range(8, 513, 8))
"""Head sizes that are tried: those of existing models first, then all that `GroupQueryAttention` takes."""
_FATAL_ONLY = 4
"""ONNX Runtime's severity: a forward pass that fails here is an answer, so it need not write to standard error."""
_KEPT = frozenset({"num_logits_to_keep", "logits_to_keep"})
"""The names that exporters give to the input with the number of last positions whose logits are wanted."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """The keys or the values of one layer: [rows, heads, tokens, head size]."""

    past: str
    present: str
    heads: int
    head_size: int


@dataclass(frozen=True, slots=True)
class DecoderContract:
    """The names, shapes and types of a decoder's graph."""

    cache: tuple[CacheEntry, ...]
    cache_type: CacheType
    logits_type: CacheType
    vocabulary: int
    """Width of the logits; the tokenizer may know fewer tokens."""
    takes_positions: bool
    kept_logits: str | None
    """The input that says how many last positions get logits, or None if the graph has none."""

    @property
    def layers(self) -> int:
        """Number of layers; each has one entry for keys and one for values."""
        return len(self.cache) // 2


def read_contract(session: ort.InferenceSession) -> DecoderContract:
    """Read the contract of a decoder with a KV cache.

    Raises:
        ModelError: the graph is no such decoder. The message lists its names and shapes.
    """
    inputs = {node.name: node for node in session.get_inputs()}
    outputs = {node.name: node for node in session.get_outputs()}

    def refuse(reason: str) -> NoReturn:
        takes, gives = _described(inputs.values()), _described(outputs.values())
        sentence = f"The graph is no causal LM with a KV cache: {reason}. It takes {takes}, gives {gives}."
        raise ModelError(sentence)

    cache: list[CacheEntry] = []
    types: set[str] = set()
    for name, node in inputs.items():
        if not (match := _PAST.fullmatch(name)):
            continue
        present = f"present.{match[1]}.{match[2]}"
        if present not in outputs:
            refuse(f"{name} has no {present}")
        heads, head_size = (node.shape[1], node.shape[3]) if len(node.shape) == 4 else (None, None)  # noqa: PLR2004  axes, as named below
        if not isinstance(heads, int) or head_size is None:
            refuse(f"{name} is not [rows, heads, tokens, head size] with a fixed number of heads")
        cache.append(CacheEntry(name, present, heads=heads, head_size=head_size if isinstance(head_size, int) else 0))
        types |= {node.type, outputs[present].type}
    known = {"input_ids", "attention_mask", "position_ids", *_KEPT, *(entry.past for entry in cache)}
    if missing := {"input_ids", "attention_mask"} - inputs.keys():
        refuse(f"{' and '.join(sorted(missing))} is missing")
    if unknown := inputs.keys() - known:
        refuse(f"nothing is known to feed {', '.join(sorted(unknown))} with")
    if not cache or len({entry.past.partition(".")[2] for entry in cache}) % 2:
        refuse("past_key_values.N.key and past_key_values.N.value are missing or no pairs")
    if len(types) != 1 or not types <= _FLOATS.keys():
        refuse(f"its cache is {' and '.join(sorted(types))}, not float16 or float32 throughout")
    logits = outputs.get("logits")
    width = logits.shape[-1] if logits is not None and len(logits.shape) == 3 else None  # noqa: PLR2004  axes, as named below
    if logits is None or not isinstance(width, int) or logits.type not in _FLOATS:
        refuse("logits [rows, tokens, vocabulary] in float16 or float32 is missing")
    contract = DecoderContract(
        cache=tuple(cache),
        cache_type=_FLOATS[types.pop()],
        logits_type=_FLOATS[logits.type],
        vocabulary=width,
        takes_positions="position_ids" in inputs,
        kept_logits=next(iter(_KEPT & inputs.keys()), None),
    )
    if all(entry.head_size for entry in cache):
        return contract
    found = _with_head_size(session, contract)
    return refuse(found) if isinstance(found, str) else found


def _with_head_size(session: ort.InferenceSession, contract: DecoderContract) -> DecoderContract | str:
    """Return the contract with the head size that the graph takes, or the reason why it takes none."""
    reason = ""
    for head_size in _HEAD_SIZES:
        sized = replace(contract, cache=tuple(replace(entry, head_size=head_size) for entry in contract.cache))
        after = cache_after_a_token(session, sized, room=0)
        if isinstance(after, str):
            reason = reason or after
        elif after[3] == head_size:  # a graph that appends takes any size while the cache is empty
            return sized
    return f"it does not state its head size, and takes none ({_HEAD_SIZES[0]}: {reason})"


def cache_after_a_token(
    session: ort.InferenceSession, contract: DecoderContract, *, room: int
) -> tuple[int, ...] | str:
    """Feed one token with an empty cache that has room for so many tokens.

    The result is the shape of the cache afterwards, or the reason why the graph fails.
    """
    one = np.zeros((1, 1), dtype=np.int64)
    feed: dict[str, NDArray[Any]] = {"input_ids": one, "attention_mask": one + 1}
    if contract.takes_positions:
        feed["position_ids"] = one
    if contract.kept_logits:
        feed[contract.kept_logits] = np.array(1, dtype=np.int64)
    for entry in contract.cache:
        feed[entry.past] = np.zeros((1, entry.heads, room, entry.head_size), dtype=contract.cache_type)
    options = ort.RunOptions()
    options.log_severity_level = _FATAL_ONLY
    try:
        (present,) = session.run([contract.cache[0].present], feed, options)
    except Exception as error:  # noqa: BLE001  # ONNX Runtime's exceptions have no common base
        return str(error).partition("\n")[0]
    return tuple(present.shape)


def _described(nodes: Iterable[ort.NodeArg]) -> str:
    """List names, types and shapes; nodes that differ only in their layer are listed once, with their number."""
    counted = Counter(f"{_LAYER.sub('.N.', node.name)} {node.type}{list(node.shape)}" for node in nodes)
    return ", ".join(each if number == 1 else f"{each} ({number} times)" for each, number in counted.items())
