"""The inputs and outputs that the graph of an embedder must have, compared with those that it has."""

from __future__ import annotations

import onnxruntime as ort

from qmd_mcp.errors import ModelError
from qmd_mcp.inference.hub.manifest import EmbedderManifest

_FED = frozenset({"input_ids", "attention_mask", "token_type_ids"})
"""The inputs that fastembed fills, as int64."""


def check_contract(session: ort.InferenceSession, manifest: EmbedderManifest) -> None:
    """Make sure that the graph takes token ids and gives states of the width that the manifest promises.

    The graph gives one state for each token or, if it pools by itself, one for each text.

    Raises:
        ModelError: the graph does not fit the manifest. The message lists the graph's names and shapes.
    """
    inputs = {node.name: (node.type, node.shape) for node in session.get_inputs()}
    outputs = {node.name: node.shape for node in session.get_outputs()}
    fed = "input_ids" in inputs and all(name in _FED and kind == "tensor(int64)" for name, (kind, _) in inputs.items())
    shape = outputs.get(manifest.output) if manifest.output else next(iter(outputs.values()))
    rank = 2 if manifest.pooling == "graph" else 3
    fits = shape is not None and len(shape) == rank and _is_of_width(shape[-1], manifest.dimension)
    if not fed or not fits:
        taken = ", ".join(f"{name} {kind} {shape}" for name, (kind, shape) in inputs.items())
        given = ", ".join(f"{name} {shape}" for name, shape in outputs.items())
        wanted = f"{manifest.dimension}-d embedder with {manifest.pooling} pooling"
        sentence = f"{manifest.model} is no {wanted}: its graph takes {taken} and gives {given}."
        raise ModelError(sentence)


def _is_of_width(axis: object, width: int) -> bool:
    """Whether an axis has the width, or is open so that it may have any."""
    return axis == width or not isinstance(axis, int)
