"""The contract of a cross-encoder: what its graph takes and gives, read from the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from qmd_mcp.errors import ModelError

_INTEGERS: Mapping[str, type[np.int64 | np.int32]] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_FLOATS: Mapping[str, int] = {"tensor(float)": 4, "tensor(float16)": 2}
_REQUIRED = {"input_ids", "attention_mask"}
_PER_PAIR, _PER_TOKEN = 2, 3
"""Number of axes of a classifier's logits and of a language model's."""
_KNOWN = _REQUIRED | {"position_ids", "token_type_ids"}


@dataclass(frozen=True, slots=True)
class Contract:
    """The kind, the inputs and the output of a reranker's graph."""

    kind: Literal["classifier", "causal"]
    """A classifier gives a score for each label of a pair, a causal language model one for each word at each token."""
    output: str
    width: int
    """The number of labels, or the size of the vocabulary."""
    itemsize: int
    """The bytes of one logit."""
    inputs: tuple[tuple[str, type[np.int64 | np.int32]], ...]
    rows: int | None
    """The pairs in a forward pass if the graph fixes them, else None."""

    def __str__(self) -> str:
        """The contract in words."""
        if self.kind == "causal":
            return f"causal LM, {self.width:,} words"
        return f"classifier, {self.width} label{'s' if self.width > 1 else ''}"

    def feeds(self, *, mask: NDArray[np.bool_], ids: NDArray[Any], types: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the inputs that the graph takes, from matrices of [pairs, longest]."""
        available: dict[str, NDArray[Any]] = {
            "input_ids": ids,
            "attention_mask": mask,
            "token_type_ids": types,
            # the first real token has position 0, whichever side the padding is on
            "position_ids": np.maximum(mask.cumsum(axis=1) - 1, 0),
        }
        return {name: available[name].astype(integer) for name, integer in self.inputs}


def read_contract(session: ort.InferenceSession, *, model: str, vocabulary: int) -> Contract:
    """Read the contract of a graph; the size of the vocabulary tells a language model from an embedder.

    Raises:
        ModelError: the graph is no reranker. The message lists its names and shapes.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    reason = _objection(inputs, outputs)
    if reason is None:
        logits = _logits(outputs)[0]
        contract = Contract(
            kind="classifier" if len(logits.shape) == _PER_PAIR else "causal",
            output=logits.name,
            width=logits.shape[-1] if isinstance(logits.shape[-1], int) else 0,
            itemsize=_FLOATS[logits.type],
            inputs=tuple((node.name, _INTEGERS[node.type]) for node in inputs),
            rows=next((node.shape[0] for node in inputs if isinstance(node.shape[0], int)), None),
        )
        contract = contract if contract.width else replace(contract, width=_probed_width(session, contract))
        if contract.kind == "classifier" or contract.width >= vocabulary:
            return contract
        reason = f"it gives {contract.width} numbers for each token, and its tokenizer knows {vocabulary} tokens"
    sentence = f"{model} is no reranker: {reason}. It takes {_listed(inputs)}; it gives {_listed(outputs)}."
    raise ModelError(sentence)


def _objection(inputs: Sequence[Any], outputs: Sequence[Any]) -> str | None:
    """Why a graph with these inputs and outputs is no reranker, or None if it may be one."""
    names = {node.name for node in inputs}
    if missing := sorted(_REQUIRED - names):
        return f"its graph has no input {' and '.join(missing)}"
    if foreign := sorted(names - _KNOWN):
        return f"nothing is known to feed {', '.join(foreign[:3])} with"
    for node in inputs:
        if node.type not in _INTEGERS or len(node.shape) != len(("pairs", "tokens")):
            return f"its input {node.name} is no matrix of integers"
        if isinstance(node.shape[1], int):
            return f"its input {node.name} takes {node.shape[1]} tokens, no more and no fewer"
    if len(logits := _logits(outputs)) != 1:
        return "none of its outputs is named logits"
    if logits[0].type not in _FLOATS:
        return f"its {logits[0].name} are no floating-point numbers"
    if len(logits[0].shape) not in {_PER_PAIR, _PER_TOKEN}:
        return f"its {logits[0].name} are neither (batch, labels) nor (batch, sequence, vocabulary)"
    return None


def _logits(outputs: Sequence[Any]) -> Sequence[Any]:
    return [node for node in outputs if node.name == "logits"] or outputs


def _probed_width(session: ort.InferenceSession, contract: Contract) -> int:
    """Find the width of the logits by a forward pass of one token, because some exporters leave the last axis open."""
    one = np.zeros((contract.rows or 1, 1), dtype=np.int64)
    feeds = contract.feeds(ids=one, mask=one == 0, types=one)
    return int(np.asarray(session.run([contract.output], feeds)[0]).shape[-1])


def _listed(nodes: Sequence[Any]) -> str:
    return ", ".join(
        f"{node.name} {node.type.removeprefix('tensor(').removesuffix(')')}"
        f"[{', '.join('?' if size is None else str(size) for size in node.shape)}]"
        for node in nodes
    )
