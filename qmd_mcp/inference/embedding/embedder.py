"""The embedder: from texts to vectors of unit length."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
from tokenizers import Tokenizer

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.errors import ModelError
from qmd_mcp.inference.embedding.embedder_contract import check_contract
from qmd_mcp.inference.hub.manifest import EmbedderManifest, fingerprint_of
from qmd_mcp.inference.runtime.forward import failures, in_halves
from qmd_mcp.inference.runtime.provider_choice import PROVIDERS
from qmd_mcp.inference.runtime.session import PlacedSession

BATCH = 4
"""Passages in one forward pass on the CPU, where so few activations stay in the CPU's cache. On 2 cores, batches of 4,
8, 16 and 32 embed 77, 76, 71 and 66 tldr pages a second (benchmarks/results/embedder.md)."""

GPU_BATCH = 64
"""Passages in one forward pass on a GPU, which would be partly idle with fewer: 64 passages of 256 tokens are 16,384
rows of each matrix product."""

NO_TITLE = "none"
"""The title that EmbeddingGemma was trained to read where a document has none."""

_POOLING = {
    "mean": PoolingType.MEAN,
    "cls": PoolingType.CLS,
    "last": PoolingType.LAST_TOKEN,
    "graph": PoolingType.DISABLED,
}
_registration = threading.Lock()


class Embedder:
    """Embeds texts with fastembed's tokenization and pooling and with a session that was opened by this product.

    It is synchronous, and a call changes nothing. fastembed ignores most session options, so it is told to load its
    session lazily and is then handed ours.
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
            self._embedding.token_count("")  # loads the tokenizer, and nothing else
        except Exception as error:  # the tokenizer's binding raises bare Exception
            sentence = f"The tokenizer of {manifest.model} cannot be read: {error}"
            raise ModelError(sentence) from error
        self.tokenizer: Tokenizer = self._embedding.model.tokenizer
        """Truncates at the manifest's limit, and pads the texts of a batch to the longest."""
        direction = (self.tokenizer.truncation or {}).get("direction", "right")
        self.tokenizer.enable_truncation(manifest.max_tokens, direction=direction)  # its files may allow more
        self._embedding.model.model = placed.session  # where fastembed keeps its session

    @property
    def contract(self) -> str:
        """What the graph gives and takes, in words."""
        manifest = self.manifest
        states = f"{manifest.dimension}-d states of each {'text' if manifest.pooling == 'graph' else 'token'}"
        return f"{states}, {manifest.pooling} pooling, at most {manifest.max_tokens} tokens"

    def embed_query(self, text: str) -> FloatArray:
        """Embed one query: [dimension].

        Raises:
            ModelError: the forward pass fails.
        """
        vector: FloatArray = self.embed_queries([text])[0]
        return vector

    def embed_queries(self, texts: Sequence[str]) -> FloatArray:
        """Embed queries in one forward pass, or in as few as memory allows: [texts, dimension].

        Raises:
            ModelError: the forward pass fails.
        """
        return np.concatenate(
            in_halves(self._forward, [self.manifest.query_prompt.replace("{text}", text) for text in texts])
        )

    def shares(self, texts: Sequence[str], *, threads: int) -> list[list[int]]:
        """Divide queries, given as indices, into the forward passes with which so many threads are done soonest.

        If results depend on the batch, each query gets a forward pass of its own. A GPU takes all queries at once. On
        the CPU a forward pass takes one thread, so each thread gets a share of queries of similar length.
        """
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        if not self.placed.graph.batch_invariant:
            return [[row] for row in order]
        shares = threads if self.placed.provider == "cpu" else 1
        bounds = [len(order) * number // shares for number in range(shares + 1)]
        return [order[start:end] for start, end in pairwise(bounds) if start < end]

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        """Embed passages in batches: [texts, dimension], in the order of the texts."""
        vectors = np.empty((len(texts), self.manifest.dimension), dtype=np.float32)
        for rows, batch in self.batches(texts):
            vectors[rows] = self.embed_batch(batch)
        return vectors

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[str]]]:
        """Divide texts, with their indices, into forward passes of similar length, so that little is padding."""
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        for start in range(0, len(order), self._batch):
            rows = order[start : start + self._batch]
            yield rows, [texts[row] for row in rows]

    def embed_batch(self, texts: Sequence[str]) -> FloatArray:
        """Embed passages, whose first line is the breadcrumb, in as few forward passes as memory allows.

        The result is [texts, dimension].

        Raises:
            ModelError: the forward pass fails.
        """
        whole = [prompted(self.manifest.passage_prompt, text) for text in texts]
        return np.concatenate(in_halves(self._forward, whole))

    def _forward(self, texts: Sequence[str]) -> FloatArray:
        with failures(self.manifest.model, rows=len(texts)):
            vectors = np.stack(list(self._embedding.embed(texts, batch_size=len(texts))))  # [texts, dimension]
        if vectors.dtype == np.float32:
            return vectors
        vectors = vectors.astype(np.float32)  # fastembed rounded to the graph's type, which changes the length
        unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def prompted(prompt: str, text: str) -> str:
    """Put a passage into the model's prompt; its breadcrumb becomes the title if the prompt has a place for one."""
    title = NO_TITLE
    if "{title}" in prompt:
        first, _, rest = text.partition("\n")
        if rest:
            title, text = first, rest
    head, _, tail = prompt.partition("{text}")
    return f"{head.replace('{title}', title)}{text}{tail.replace('{title}', title)}"


def _register(manifest: EmbedderManifest) -> str:
    """Add the model to fastembed's list, which refuses a name that it already has, and return its name there."""
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
