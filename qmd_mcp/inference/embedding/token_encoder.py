"""What the embedder makes of each token, before it is averaged away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tokenizers import Encoding, Tokenizer

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.token_states import EncodedPassages, QueryStates, packed
from qmd_mcp.errors import ModelError
from qmd_mcp.inference.embedding.embedder import Embedder, prompted
from qmd_mcp.inference.embedding.projection import Projection
from qmd_mcp.inference.runtime.forward import failures, in_halves

_POOLED = {"mean": slice(None), "cls": slice(0, 1), "last": slice(-1, None)}
"""The tokens whose mean is the text's vector."""


class TokenEncoder:
    """The embedder's session with its states let out; synchronous and pure.

    A passage's vector comes from the same forward, so that indexing pays for one.
    """

    def __init__(self, embedder: Embedder, *, tokenizer: Tokenizer, projection: Projection) -> None:
        """The tokeniser truncates where the embedder does.

        Raises:
            ModelError: the graph pools by itself, so there are no states.
        """
        if embedder.manifest.pooling not in _POOLED:
            sentence = f"{embedder.manifest.model} gives one state a text, and late interaction needs one a token."
            raise ModelError(sentence)
        self.batches = embedder.batches
        self.provider = embedder.provider
        self._manifest = embedder.manifest
        self._session = embedder.placed.session
        self._projection = projection
        self._inputs = frozenset(node.name for node in self._session.get_inputs())
        self._tokenizer = tokenizer

    def query(self, text: str) -> QueryStates:
        """One forward for the states and the vector.

        Raises:
            ModelError: it cannot be computed.
        """
        before = self._manifest.query_prompt.index("{text}")
        (encoding,) = self._tokenizer.encode_batch([self._manifest.query_prompt.replace("{text}", text)])
        (states,) = self._forward([encoding])
        spans = [_within(text, start - before, end - before) for start, end in encoding.offsets]
        vector = self._pooled(states)
        return QueryStates(
            self._projection(states), spans=tuple(spans), vector=(vector / np.linalg.norm(vector)).astype(np.float32)
        )

    def passages(self, texts: Sequence[str]) -> EncodedPassages:
        """One forward, or as few as memory allows; the special tokens that frame a passage are not kept.

        Raises:
            ModelError: it cannot be computed.
        """
        encodings = self._tokenizer.encode_batch([prompted(self._manifest.passage_prompt, text) for text in texts])
        states = [each for part in in_halves(self._forward, encodings) for each in part]
        vectors = np.stack([self._pooled(each) for each in states])
        codes = tuple(
            packed(self._projection(each[np.array(encoding.special_tokens_mask) == 0]))
            for each, encoding in zip(states, encodings, strict=True)
        )
        return EncodedPassages(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), codes=codes)

    def exact(self, texts: Sequence[str]) -> list[FloatArray]:
        """States as the encoder gives them, [tokens, dimension] for each text, special tokens too."""
        return self._forward(self._tokenizer.encode_batch(list(texts)))

    def _forward(self, encodings: Sequence[Encoding]) -> list[FloatArray]:
        """[tokens, dimension] for each text."""
        shape = (len(encodings), max(len(each.ids) for each in encodings))
        ids, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, each in enumerate(encodings):
            ids[row, : len(each.ids)] = each.ids
            mask[row, : len(each.ids)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros(shape, dtype=np.int64)}
        with failures(self._manifest.model, rows=len(encodings)):
            (hidden, *_) = self._session.run(None, {name: feed[name] for name in self._inputs})
        return [states[: len(each.ids)] for states, each in zip(hidden, encodings, strict=True)]

    def _pooled(self, states: FloatArray) -> FloatArray:
        """[dimension]."""
        pooled: FloatArray = states[_POOLED[self._manifest.pooling]].mean(axis=0)
        return pooled


def _within(text: str, start: int, end: int) -> tuple[int, int]:
    """A span cut to the text: what belongs to the prompt becomes empty."""
    return min(max(start, 0), len(text)), min(max(end, 0), len(text))
