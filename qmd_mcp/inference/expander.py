"""A query to other ways of finding its answer, by a causal LM."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import get_args

from tokenizers import Tokenizer

from qmd_mcp.errors import ModelError
from qmd_mcp.inference.decoder import Decoder
from qmd_mcp.inference.generation import Branch, generate
from qmd_mcp.inference.parsing import Draft, Kind, ScriptOf, sub_queries
from qmd_mcp.inference.prompts import Prompt, asked
from qmd_mcp.inference.sampling import Sampling
from qmd_mcp.lookup import Expansion

KINDS: tuple[Kind, ...] = ("lex", "lex", "vec", "vec", "hyde")

BUDGETS: dict[Kind, int] = {"lex": 16, "vec": 24, "hyde": 40}
"""Tokens: of the prompt's own examples the longest lines have 9, 14 and 30 with Qwen's tokeniser."""


class Expander:
    """Writes lines of each kind behind a forced prefix, all in one batch over one prompt; synchronous.

    The part of the prompt that is the same for every query is prefilled here, once.

    Raises:
        ModelError: the tokeniser does not fit the prompt or the graph.
    """

    def __init__(
        self,
        decoder: Decoder,
        tokenizer: Tokenizer,
        *,
        prompt: Prompt,
        script_of: ScriptOf,
        sampling: Sampling | None = None,
    ) -> None:
        _check_tokenizer(tokenizer, prompt=prompt, vocabulary=decoder.contract.vocabulary)
        self.provider = decoder.provider
        self._decoder, self._tokenizer, self._prompt = decoder, tokenizer, prompt
        self._script_of = script_of
        self._sampling = sampling or Sampling()
        self._stop = _stop_tokens(tokenizer, vocabulary=decoder.contract.vocabulary)
        self._prefixes = {kind: tuple(self._encode(f"{kind}:")) for kind in get_args(Kind)}
        head = self._encode(prompt.head)
        self._head = decoder.prefill(head, decoder.empty(room=len(head)))

    def expand(self, query: str, *, cancelled: Callable[[], bool] = lambda: False) -> Expansion:
        """The same lines for the same query at any time; none where nothing that was written is of use.

        Raises:
            GenerationCancelled: `cancelled` said so between two steps.
        """
        tail = self._encode(self._prompt.tail.replace("{query}", asked(query, self._tokenizer)))
        past = self._decoder.prefill(tail, self._decoder.fork(self._head, rows=1, room=len(tail)))
        branches = [
            Branch(forced=self._prefixes[kind], budget=BUDGETS[kind], seed=_seed(query, number))
            for number, kind in enumerate(KINDS)
        ]
        continuations = generate(
            self._decoder, past, branches, stop=self._stop, sampling=self._sampling, cancelled=cancelled
        )
        drafts = [
            Draft(kind, text=self._tokenizer.decode(list(continuation.tokens)), finished=continuation.stopped)
            for kind, continuation in zip(KINDS, continuations, strict=True)
        ]
        return Expansion(sub_queries(query, drafts, script_of=self._script_of))

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)


def _seed(query: str, branch: int) -> int:
    """Of a query's own: answers are reproducible, and repeats of a kind are no twins."""
    return int.from_bytes(hashlib.sha256(f"{branch} {query}".encode()).digest()[:8])


def _stop_tokens(tokenizer: Tokenizer, *, vocabulary: int) -> frozenset[int]:
    """A line ends at a line break, at a control token, and at what the tokeniser does not know."""
    breaks = ("\n", "Ċ", "<0x0A>")  # as such, in byte-level tokens, as SentencePiece's byte
    words = tokenizer.get_vocab(with_added_tokens=True)
    ends = {number for word, number in words.items() if any(end in word for end in breaks)}
    return frozenset({*ends, *tokenizer.get_added_tokens_decoder(), *(set(range(vocabulary)) - set(words.values()))})


def _check_tokenizer(tokenizer: Tokenizer, *, prompt: Prompt, vocabulary: int) -> None:
    greatest = max(tokenizer.get_vocab(with_added_tokens=True).values())
    if greatest >= vocabulary:
        sentence = (
            f"The tokeniser has tokens up to {greatest}, the graph's logits {vocabulary}: they are of two models."
        )
        raise ModelError(sentence)
    for token in ("<|im_start|>", "<|im_end|>"):
        if token in prompt.head and tokenizer.token_to_id(token) is None:
            sentence = f"The prompt {prompt.name} needs the control token {token}, and the tokeniser does not know it."
            raise ModelError(sentence)
