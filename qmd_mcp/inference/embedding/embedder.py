"""Texts to unit vectors."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime as ort
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.errors import ModelError
from qmd_mcp.inference.hub.manifest import EmbedderManifest, fingerprint_of
from qmd_mcp.inference.runtime.forward import failures, in_halves
from qmd_mcp.inference.runtime.provider_choice import PROVIDERS
from qmd_mcp.inference.runtime.session import PlacedSession

BATCH = 4
"""Passages in one forward on the CPU: their activations stay in the cache. On 2 cores batches of 4, 8, 16 and 32 embed
77, 76, 71 and 66 tldr pages a second (benchmarks)."""

GPU_BATCH = 64
"""Passages in one forward on a GPU, which is idle with fewer: 64 of 256 tokens are 16,384 rows of each product."""

NO_TITLE = "none"
"""What EmbeddingGemma was trained to read where a document has no title."""

_POOLING = {
    "mean": PoolingType.MEAN,
    "cls": PoolingType.CLS,
    "last": PoolingType.LAST_TOKEN,
    "graph": PoolingType.DISABLED,
}
_FED = frozenset({"input_ids", "attention_mask", "token_type_ids"})
"""What fastembed feeds, as int64."""
_registration = threading.Lock()


class Embedder:
    """fastembed's tokenisation and pooling around a session of ours; synchronous and pure.

    fastembed ignores most session options, so it loads lazily and is handed the session.
    """

    def __init__(self, manifest: EmbedderManifest, *, folder: Path, placed: PlacedSession) -> None:
        self.manifest = manifest
        self.placed = placed
        self.provider = PROVIDERS[placed.provider]
        self._batch = BATCH if placed.provider == "cpu" else GPU_BATCH
        check_contract(placed.session, manifest)
        try:
            self._embedding = TextEmbedding(
                _register(manifest), specific_model_path=str(folder), lazy_load=True, providers=["CPUExecutionProvider"]
            )
            self._embedding.token_count("")  # loads the tokeniser, and only that
        except Exception as error:  # the tokeniser's binding raises bare Exception
            sentence = f"The tokeniser of {manifest.model} cannot be read: {error}"
            raise ModelError(sentence) from error
        tokenizer = self._embedding.model.tokenizer
        direction = (tokenizer.truncation or {}).get("direction", "right")
        tokenizer.enable_truncation(manifest.max_tokens, direction=direction)  # its files may allow more
        self._embedding.model.model = placed.session  # fastembed's place for its session

    @property
    def contract(self) -> str:
        """What its graph gives and takes, as people read it."""
        manifest = self.manifest
        states = f"{manifest.dimension}-d states of each {'text' if manifest.pooling == 'graph' else 'token'}"
        return f"{states}, {manifest.pooling} pooling, at most {manifest.max_tokens} tokens"

    def embed_query(self, text: str) -> FloatArray:
        """[dimension].

        Raises:
            ModelError: it cannot be computed.
        """
        vector: FloatArray = self.embed_queries([text])[0]
        return vector

    def embed_queries(self, texts: Sequence[str]) -> FloatArray:
        """[texts, dimension] in one forward, or in as few as memory allows.

        Raises:
            ModelError: it cannot be computed.
        """
        return np.concatenate(
            in_halves(self._forward, [self.manifest.query_prompt.replace("{text}", text) for text in texts])
        )

    def shares(self, texts: Sequence[str], *, threads: int) -> list[list[int]]:
        """Which queries go into one forward, as indices, so that so many threads are done with all of them soonest.

        A graph that depends on its batch gets each alone. A GPU takes all at once; on the processor a forward takes one
        thread, so each thread gets its share, neighbours in length together.
        """
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        if not self.placed.graph.batch_invariant:
            return [[row] for row in order]
        shares = threads if self.placed.provider == "cpu" else 1
        bounds = [len(order) * number // shares for number in range(shares + 1)]
        return [order[start:end] for start, end in pairwise(bounds) if start < end]

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        """[texts, dimension], in input order."""
        vectors = np.empty((len(texts), self.manifest.dimension), dtype=np.float32)
        for rows, batch in self.batches(texts):
            vectors[rows] = self.embed_batch(batch)
        return vectors

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[str]]]:
        """The forwards that embed texts: neighbours in length together, so that little is padding."""
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        for start in range(0, len(order), self._batch):
            rows = order[start : start + self._batch]
            yield rows, [texts[row] for row in rows]

    def embed_batch(self, texts: Sequence[str]) -> FloatArray:
        """[texts, dimension] in one forward, or in as few as memory allows; a text's first line is its breadcrumb.

        Raises:
            ModelError: it cannot be computed.
        """
        whole = [prompted(self.manifest.passage_prompt, text) for text in texts]
        return np.concatenate(in_halves(self._forward, whole))

    def _forward(self, texts: Sequence[str]) -> FloatArray:
        with failures(self.manifest.model, rows=len(texts)):
            vectors = np.stack(list(self._embedding.embed(texts, batch_size=len(texts))))  # [texts, dimension]
        if vectors.dtype == np.float32:
            return vectors
        vectors = vectors.astype(np.float32)  # fastembed rounds to the graph's type, and with it the length
        unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def prompted(prompt: str, text: str) -> str:
    """A passage in the model's prompt: with the breadcrumb as its title, where the prompt has a place for one."""
    title = NO_TITLE
    if "{title}" in prompt:
        first, _, rest = text.partition("\n")
        if rest:
            title, text = first, rest
    head, _, tail = prompt.partition("{text}")
    return f"{head.replace('{title}', title)}{text}{tail.replace('{title}', title)}"


def _register(manifest: EmbedderManifest) -> str:
    """Make the model known to fastembed; it refuses a name that it knows already."""
    name = f"qmd-mcp/{fingerprint_of(manifest.identity())}"
    with _registration:
        if not any(entry["model"] == name for entry in TextEmbedding.list_supported_models()):
            TextEmbedding.add_custom_model(
                model=name,
                pooling=_POOLING[manifest.pooling],
                normalization=True,
                sources=ModelSource(hf=manifest.model),
                dim=manifest.dimension,
                model_file=manifest.graph_for("cpu").graph,
                output_name=manifest.output,
            )
    return name


def check_contract(session: ort.InferenceSession, manifest: EmbedderManifest) -> None:
    """Token ids go in; states of the promised width come out, one a token or, pooled by the graph, one a text.

    Raises:
        ModelError: the graph is another; the sentence has its names and shapes.
    """
    inputs = {node.name: (node.type, node.shape) for node in session.get_inputs()}
    outputs = {node.name: node.shape for node in session.get_outputs()}
    fed = "input_ids" in inputs and all(name in _FED and kind == "tensor(int64)" for name, (kind, _) in inputs.items())
    shape = outputs.get(manifest.output) if manifest.output else next(iter(outputs.values()))
    rank = 2 if manifest.pooling == "graph" else 3
    fits = shape is not None and len(shape) == rank and shape[-1] in {manifest.dimension, *_names(shape[-1:])}
    if not fed or not fits:
        taken = ", ".join(f"{name} {kind} {shape}" for name, (kind, shape) in inputs.items())
        given = ", ".join(f"{name} {shape}" for name, shape in outputs.items())
        what = f"{manifest.dimension}-d embedder with {manifest.pooling} pooling"
        sentence = f"{manifest.model} is no {what}: its graph takes {taken} and gives {given}."
        raise ModelError(sentence)


def _names(shape: Sequence[object]) -> list[object]:
    """The open axes of a shape, which any width fits."""
    return [axis for axis in shape if not isinstance(axis, int)]
