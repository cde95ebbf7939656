"""The states that the embedder computes for each token, before it pools them into one vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.token_states import EncodedPassages, QueryStates, packed
from qmd_mcp.errors import ModelError
from qmd_mcp.inference.embedding.embedder import Embedder, prompted
from qmd_mcp.inference.embedding.projection import Projection
from qmd_mcp.inference.runtime.forward import failures, in_halves

_POOLED = {"mean": slice(None), "cls": slice(0, 1), "last": slice(-1, None)}
"""The tokens whose mean is the text's vector."""


class TokenEncoder:
    """Runs the embedder's session and returns the states of the tokens; synchronous, and a call changes nothing.

    A passage's vector comes from the same forward pass as its states, so indexing needs only one. Tokenizer, graph
    output and pooling are the embedder's, so the vector is the one that the embedder would give.
    """

    def __init__(self, embedder: Embedder, *, projection: Projection) -> None:
        """Take the session and the tokenizer of a loaded embedder.

        Raises:
            ModelError: the graph pools by itself, so that it gives no states of tokens.
        """
        if embedder.manifest.pooling not in _POOLED:
            sentence = f"{embedder.manifest.model} gives one state a text, and late interaction needs one a token."
            raise ModelError(sentence)
        self.batches = embedder.batches
        self.provider = embedder.provider
        self._manifest = embedder.manifest
        self._session = embedder.placed.session
        self._tokenizer = embedder.tokenizer
        self._projection = projection
        self._inputs = frozenset(node.name for node in self._session.get_inputs())
        self._output = embedder.manifest.output or self._session.get_outputs()[0].name

    def query(self, text: str) -> QueryStates:
        """Compute the states of a query and its vector in one forward pass.

        Raises:
            ModelError: the forward pass fails.
        """
        before = self._manifest.query_prompt.index("{text}")
        (encoding,) = self._tokenizer.encode_batch([self._manifest.query_prompt.replace("{text}", text)])
        (states,) = self._forward([encoding])
        offsets = [offset for offset, real in zip(encoding.offsets, encoding.attention_mask, strict=True) if real]
        spans = [_within(text, start - before, end - before) for start, end in offsets]
        vector = self._pooled(states)
        return QueryStates(self._projection(states), spans=tuple(spans), vector=vector / np.linalg.norm(vector))

    def passages(self, texts: Sequence[str]) -> EncodedPassages:
        """Compute states and vectors of passages in one forward pass, or in as few as memory allows.

        The states of the special tokens that frame a passage are left out.

        Raises:
            ModelError: the forward pass fails.
        """
        encodings = self._tokenizer.encode_batch([prompted(self._manifest.passage_prompt, text) for text in texts])
        states = [each for part in in_halves(self._forward, encodings) for each in part]
        vectors = np.stack([self._pooled(each) for each in states])
        codes = tuple(
            packed(self._projection(each[~_special(encoding)]))
            for each, encoding in zip(states, encodings, strict=True)
        )
        return EncodedPassages(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), codes=codes)

    def exact(self, texts: Sequence[str]) -> list[FloatArray]:
        """Compute states without projecting them: [tokens, dimension] for each text, special tokens included."""
        return self._forward(self._tokenizer.encode_batch(list(texts)))

    def _forward(self, encodings: Sequence[Encoding]) -> list[FloatArray]:
        """Compute [tokens, dimension] for each text, without its padding."""
        mask = np.array([each.attention_mask for each in encodings], dtype=np.int64)
        feed = {
            "input_ids": np.array([each.ids for each in encodings], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        with failures(self._manifest.model, rows=len(encodings)):
            (hidden,) = self._session.run([self._output], {name: feed[name] for name in self._inputs})
        states = np.asarray(hidden).astype(np.float32, copy=False)
        return [own[real == 1] for own, real in zip(states, mask, strict=True)]

    def _pooled(self, states: FloatArray) -> FloatArray:
        """Pool [tokens, dimension] to [dimension] as the manifest says."""
        pooled: FloatArray = states[_POOLED[self._manifest.pooling]].mean(axis=0)
        return pooled


def _special(encoding: Encoding) -> NDArray[np.bool_]:
    """Tell which tokens of a text, padding not counted, are special tokens."""
    real = np.array(encoding.attention_mask) == 1
    return np.asarray(np.array(encoding.special_tokens_mask)[real] == 1)


def _within(text: str, start: int, end: int) -> tuple[int, int]:
    """Cut a span to the text, so that a token of the prompt gets an empty span."""
    return min(max(start, 0), len(text)), min(max(end, 0), len(text))
