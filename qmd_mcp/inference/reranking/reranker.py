"""The reranker: from a query and passages to logits of relevance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from qmd_mcp.domain.lookup import FloatArray, Reranking
from qmd_mcp.errors import ModelError
from qmd_mcp.inference.hub.manifest import RerankerManifest
from qmd_mcp.inference.reranking.batching import padding, plan
from qmd_mcp.inference.reranking.pair_template import Pair, make_template
from qmd_mcp.inference.reranking.reranker_contract import Contract, read_contract
from qmd_mcp.inference.runtime.forward import forward

LOGITS_BYTES = 256 * 1024 * 1024
"""Memory that the logits of one forward pass may take. The logits of one passage of 256 tokens over a vocabulary of
151,669 take 148 MiB in FP32."""

_PAD_TOKENS = ("<|endoftext|>", "[PAD]", "<pad>")


class Reranker:
    """Scores pairs with a cross-encoder; `sigmoid(logit)` is the probability that the passage is relevant.

    It is synchronous, and a call changes nothing. The tokenizer neither truncates nor pads: that is done here.
    """

    def __init__(
        self,
        session: ort.InferenceSession,
        *,
        manifest: RerankerManifest,
        tokenizer: Tokenizer,
        batch_invariant: bool,
    ) -> None:
        """`batch_invariant` says whether a pair has the same logit alone and in any batch.

        Raises:
            ModelError: graph, tokenizer and manifest do not fit together.
        """
        self.manifest = manifest
        self.batch_invariant = batch_invariant
        self.provider = str(session.get_providers()[0])
        self._session = session
        self._tokenizer = tokenizer
        self.contract = read_contract(
            session, model=manifest.model, vocabulary=tokenizer.get_vocab_size(with_added_tokens=True)
        )
        self._template = make_template(
            manifest.template,
            tokenizer=tokenizer,
            model=manifest.model,
            max_tokens=manifest.max_tokens,
            instruction=manifest.instruction,
        )
        self._pads_left = (manifest.padding or ("left" if manifest.template == "qwen3" else "right")) == "left"
        self._pad = _token(tokenizer, manifest.pad_token, *_PAD_TOKENS, model=manifest.model, role="padding")
        if self.contract.kind == "causal":
            self._yes = _token(tokenizer, manifest.yes, model=manifest.model, role="yes")
            self._no = _token(tokenizer, manifest.no, model=manifest.model, role="no")
        else:
            _check_labels(self.contract, manifest)

    @property
    def warning(self) -> str | None:
        """Why the kind of this model makes it slow, or None."""
        if self.contract.kind == "classifier":
            return None
        return (
            f"{self.manifest.model} is a causal language model: its logits span {self.contract.width:,} words at each "
            "token, so it takes about one forward pass for each passage; a sequence classifier takes one for all."
        )

    def score(self, query: str, texts: Sequence[str], *, intent: str | None = None) -> Reranking:
        """Score passages; the logits are in the order of the texts."""
        pairs = self.encode(query, texts, intent=intent)
        batches = self.batches(pairs)
        logits = np.empty(len(pairs), dtype=np.float32)
        for batch in batches:
            logits[list(batch)] = self.forward([pairs[row] for row in batch])
        return Reranking(logits=logits, batches=tuple(map(len, batches)))

    def encode(self, query: str, texts: Sequence[str], *, intent: str | None = None) -> list[Pair]:
        """Make one pair for each text."""
        return self._template.encode(query, texts, intent=intent)

    def batches(self, pairs: Sequence[Pair]) -> tuple[tuple[int, ...], ...]:
        """Divide the pairs, given as indices, into forward passes."""
        return plan([len(pair) for pair in pairs], fits=self._fits)

    def padding(self, pairs: Sequence[Pair]) -> float:
        """Return the share of padding in the tokens that these pairs take when they are scored alone."""
        return padding([len(pair) for pair in pairs], self.batches(pairs))

    def forward(self, pairs: Sequence[Pair], *, run: ort.RunOptions | None = None) -> FloatArray:
        """Compute the logits [pairs] in one forward pass.

        Raises:
            ModelError: the forward pass fails.
            OutOfMemoryError: memory does not suffice; fewer pairs at once may fit.
        """
        rows = self.contract.rows or len(pairs)  # a graph with a fixed number of rows gets empty rows too
        shape = (rows, max(map(len, pairs)))
        ids, types = np.full(shape, self._pad, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.bool_)
        for row, pair in enumerate(pairs):
            columns = slice(-len(pair), None) if self._pads_left else slice(len(pair))
            ids[row, columns], types[row, columns], mask[row, columns] = pair.ids, pair.types, True
        output = forward(
            self._session,
            output=self.contract.output,
            feeds=self.contract.feeds(ids=ids, mask=mask, types=types),
            model=self.manifest.model,
            run=run,
        )[: len(pairs)]
        if self.contract.kind == "classifier":
            logits = self._from_labels(output)
        else:
            logits = self._from_vocabulary(output, [len(pair) for pair in pairs])
        if not np.isfinite(logits).all():
            sentence = f"{self.manifest.model} gives logits that are NaN or infinite: use it in another precision."
            raise ModelError(sentence)
        return logits

    def _fits(self, rows: int, tokens: int) -> bool:
        if self.contract.rows is not None:
            return rows <= self.contract.rows
        if self.contract.kind == "causal":
            return rows * tokens * self.contract.width * self.contract.itemsize <= LOGITS_BYTES
        return rows * tokens <= self.manifest.token_budget

    def _from_labels(self, output: NDArray[Any]) -> FloatArray:
        """Reduce [pairs, labels] to the log-odds [pairs] of the relevant label."""
        labels = output.astype(np.float32)
        relevant = labels[:, self.manifest.positive]
        if self.manifest.activation == "sigmoid":
            return relevant
        others = np.delete(labels, self.manifest.positive, axis=1)
        return np.asarray(relevant - np.logaddexp.reduce(others, axis=1), dtype=np.float32)

    def _from_vocabulary(self, output: NDArray[Any], lengths: Sequence[int]) -> FloatArray:
        """Reduce [pairs, tokens, vocabulary] to the log-odds [pairs] of yes over no after the last real token."""
        last = [output.shape[1] - 1 if self._pads_left else length - 1 for length in lengths]
        answers = output[np.arange(len(lengths)), last][:, [self._yes, self._no]].astype(np.float32)
        return np.asarray(answers[:, 0] - answers[:, 1], dtype=np.float32)


def _token(tokenizer: Tokenizer, *names: str | None, model: str, role: str) -> int:
    for name in names:
        if name is not None and (number := tokenizer.token_to_id(name)) is not None:
            return int(number)
    listed = " or ".join(repr(name) for name in names if name is not None)
    sentence = f"{model} has no token for {role}: its tokenizer does not know {listed}."
    raise ModelError(sentence)


def _check_labels(contract: Contract, manifest: RerankerManifest) -> None:
    if not 0 <= manifest.positive < contract.width:
        sentence = (
            f"{manifest.model} has {contract.width} label{'s' if contract.width > 1 else ''}: "
            f"there is no label {manifest.positive}."
        )
        raise ModelError(sentence)
    if manifest.activation == "softmax" and contract.width == 1:
        sentence = f"{manifest.model} has one label, whose softmax is always 1: its manifest must say sigmoid."
        raise ModelError(sentence)
