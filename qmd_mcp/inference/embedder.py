"""Texts to unit vectors."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType

from qmd_mcp.errors import ModelError
from qmd_mcp.inference.manifest import EmbedderManifest
from qmd_mcp.lookup import FloatArray

BATCH = 4
"""Passages in one forward on the CPU: their activations stay in the cache. On 2 cores batches of 4, 8, 16 and 32 embed
77, 76, 71 and 66 tldr pages a second (benchmarks)."""

_POOLING = {"mean": PoolingType.MEAN, "cls": PoolingType.CLS, "last": PoolingType.LAST_TOKEN}
_registration = threading.Lock()


class Embedder:
    """fastembed's tokenisation and pooling around a session of ours; synchronous and pure.

    fastembed ignores most session options, so it loads lazily and is handed the session.
    """

    def __init__(self, manifest: EmbedderManifest, *, folder: Path, session: ort.InferenceSession) -> None:
        self.manifest = manifest
        self.provider = str(session.get_providers()[0])
        _check_contract(session, manifest)
        self._embedding = TextEmbedding(
            _register(manifest), specific_model_path=str(folder), lazy_load=True, providers=["CPUExecutionProvider"]
        )
        self._embedding.token_count("")  # loads the tokeniser, and only that
        self._embedding.model.model = session  # fastembed's place for its session

    def embed_query(self, text: str) -> FloatArray:
        """[dimension]."""
        vector: FloatArray = self._forward([self.manifest.query_prompt + text])[0]
        return vector

    def embed_passages(self, texts: Sequence[str]) -> FloatArray:
        """[texts, dimension], in input order."""
        vectors = np.empty((len(texts), self.manifest.dimension), dtype=np.float32)
        for rows, batch in self.batches(texts):
            vectors[rows] = self.embed_batch(batch)
        return vectors

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[str]]]:
        """The forwards that embed texts: neighbours in length together, so that little is padding."""
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            yield rows, [texts[row] for row in rows]

    def embed_batch(self, texts: Sequence[str]) -> FloatArray:
        """[texts, dimension] in one forward."""
        return self._forward([self.manifest.passage_prompt + text for text in texts])

    def _forward(self, texts: list[str]) -> FloatArray:
        return np.stack(list(self._embedding.embed(texts, batch_size=len(texts)))).astype(np.float32, copy=False)


def _register(manifest: EmbedderManifest) -> str:
    """Make the model known to fastembed; it refuses a name that it knows already."""
    name = f"qmd-mcp/{manifest.model}/{manifest.revision}"
    with _registration:
        if not any(entry["model"] == name for entry in TextEmbedding.list_supported_models()):
            TextEmbedding.add_custom_model(
                model=name,
                pooling=_POOLING[manifest.pooling],
                normalization=True,
                sources=ModelSource(hf=manifest.model),
                dim=manifest.dimension,
                model_file=manifest.files["cpu"],
            )
    return name


def _check_contract(session: ort.InferenceSession, manifest: EmbedderManifest) -> None:
    """Token states of the promised width come out, token ids go in."""
    inputs = {node.name: node.shape for node in session.get_inputs()}
    outputs = {node.name: node.shape for node in session.get_outputs()}
    width = next(iter(outputs.values()))[-1]
    if "input_ids" not in inputs or (isinstance(width, int) and width != manifest.dimension):
        sentence = f"{manifest.model} is no {manifest.dimension}-d embedder: its graph takes {inputs}, gives {outputs}."
        raise ModelError(sentence)
