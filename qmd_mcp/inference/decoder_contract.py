"""What a causal LM's graph takes and gives, read from the graph."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

import numpy as np
import onnxruntime as ort

from qmd_mcp.errors import ModelError

CacheType: TypeAlias = type[np.float16] | type[np.float32]

_PAST = re.compile(r"past_key_values\.(\d+)\.(key|value)")
_FLOATS: dict[str, CacheType] = {"tensor(float16)": np.float16, "tensor(float)": np.float32}
_KEPT = frozenset({"num_logits_to_keep", "logits_to_keep"})
"""How exporters call the number of last positions whose logits are wanted."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """The keys or the values of one layer: [rows, heads, tokens, head size]."""

    past: str
    present: str
    heads: int
    head_size: int


@dataclass(frozen=True, slots=True)
class DecoderContract:
    """Names, shapes and types of one graph."""

    cache: tuple[CacheEntry, ...]
    cache_type: CacheType
    logits_type: CacheType
    vocabulary: int
    """Width of the logits; a tokeniser may know fewer."""
    takes_positions: bool
    kept_logits: str | None
    """The input that says how many last positions get logits, where there is one."""

    @property
    def layers(self) -> int:
        """Each has keys and values."""
        return len(self.cache) // 2


def read_contract(session: ort.InferenceSession) -> DecoderContract:
    """Recognise a decoder with a KV cache.

    Raises:
        ModelError: it is none; the sentence has the graph's names and shapes.
    """
    inputs = {node.name: node for node in session.get_inputs()}
    outputs = {node.name: node for node in session.get_outputs()}

    def refuse(reason: str) -> NoReturn:
        takes = ", ".join(_described(node) for node in inputs.values())
        gives = ", ".join(_described(node) for node in outputs.values())
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
        heads, head_size = (node.shape[1], node.shape[3]) if len(node.shape) == 4 else (None, None)  # noqa: PLR2004
        if not isinstance(heads, int) or not isinstance(head_size, int):
            refuse(f"{name} is not [rows, heads, tokens, head size] with both sizes fixed")
        cache.append(CacheEntry(name, present, heads=heads, head_size=head_size))
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
    width = logits.shape[-1] if logits is not None and len(logits.shape) == 3 else None  # noqa: PLR2004
    if logits is None or not isinstance(width, int) or logits.type not in _FLOATS:
        refuse("logits [rows, tokens, vocabulary] in float16 or float32 is missing")
    return DecoderContract(
        cache=tuple(cache),
        cache_type=_FLOATS[types.pop()],
        logits_type=_FLOATS[logits.type],
        vocabulary=width,
        takes_positions="position_ids" in inputs,
        kept_logits=next(iter(_KEPT & inputs.keys()), None),
    )


def _described(node: ort.NodeArg) -> str:
    return f"{node.name} {node.type}{list(node.shape)}"
