"""The expander: from a query to sub-queries that may find its answer in other words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import get_args

from tokenizers import Tokenizer

from qmd_mcp.domain.lookup import Expansion
from qmd_mcp.errors import ModelError
from qmd_mcp.inference.expanding.branch_decoding import Branch, Continuation, generate, room_for
from qmd_mcp.inference.expanding.decoder import Decoder
from qmd_mcp.inference.expanding.line_parsing import Draft, Kind, ScriptOf, sub_queries
from qmd_mcp.inference.expanding.prompt_cache import PromptCache
from qmd_mcp.inference.expanding.prompts import MAX_QUERY_TOKENS, PROMPTS, cleaned_query
from qmd_mcp.inference.hub.manifest import ExpanderManifest
from qmd_mcp.inference.runtime.forward import in_halves

KINDS: tuple[Kind, ...] = ("lex", "lex", "vec", "vec", "hyde")

BUDGETS: dict[Kind, int] = {"lex": 16, "vec": 24, "hyde": 40}
"""Tokens that may be sampled for a line of each kind; the longest example of the prompt fits into them twice."""


class Expander:
    """Lets a causal language model write a line behind each forced prefix, all lines in one batch; synchronous.

    The part of the prompt that is the same for every query of a script is prefilled once.

    Raises:
        ModelError: the tokenizer does not fit the prompt or the graph.
    """

    def __init__(
        self, manifest: ExpanderManifest, *, decoder: Decoder, tokenizer: Tokenizer, script_of: ScriptOf
    ) -> None:
        self._prompt = PROMPTS[manifest.template]
        _check_tokenizer(tokenizer, manifest=manifest, vocabulary=decoder.contract.vocabulary)
        self.manifest = manifest
        self.provider = decoder.provider
        self.contract = str(decoder)
        self._decoder, self._tokenizer = decoder, tokenizer
        self._script_of = script_of
        self._stop = _stop_tokens(tokenizer, vocabulary=decoder.contract.vocabulary)
        self._prefixes = {kind: tuple(self._encode(f"{kind}:")) for kind in get_args(Kind)}
        self._caches: dict[str, PromptCache] = {}
        self._cache(self._prompt.head)

    def expand(self, query: str, *, cancelled: Callable[[], bool] = lambda: False) -> Expansion:
        """Expand a query; the same query always gives the same lines, and none if no line is useful.

        Raises:
            GenerationCancelled: `cancelled` returned True between two steps.
            ModelError: a forward pass fails.
        """
        line = cleaned_query(query, self._tokenizer)
        tail = self._encode(self._prompt.tail.replace("{query}", line))
        cache = self._cache(self._prompt.heads.get(self._script_of(query) or "", self._prompt.head))
        branches = [
            Branch(forced=self._prefixes[kind], budget=BUDGETS[kind], seed=_seed(query, number))
            for number, kind in enumerate(KINDS)
        ]

        def decode(some: Sequence[Branch]) -> tuple[Continuation, ...]:
            past = cache.past(tail, rows=len(some), room=room_for(some))
            sampling = self.manifest.sampling
            return generate(self._decoder, past, some, stop=self._stop, sampling=sampling, cancelled=cancelled)

        continuations = [each for part in in_halves(decode, branches) for each in part]
        drafts = [
            Draft(kind, text=self._tokenizer.decode(list(continuation.tokens)), finished=continuation.stopped)
            for kind, continuation in zip(KINDS, continuations, strict=True)
        ]
        return Expansion(sub_queries(query, drafts, script_of=self._script_of))

    def _cache(self, head: str) -> PromptCache:
        """Return the cache of a prompt's head, which is prefilled when it is first needed."""
        if head not in self._caches:
            room = MAX_QUERY_TOKENS + len(self._encode(self._prompt.tail))
            self._caches[head] = PromptCache(self._decoder, self._encode(head), room=room)
        return self._caches[head]

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)


def _seed(query: str, branch: int) -> int:
    """Derive a seed from query and branch: results are reproducible, and two lines of a kind differ."""
    return int.from_bytes(hashlib.sha256(f"{branch} {query}".encode()).digest()[:8])


def _stop_tokens(tokenizer: Tokenizer, *, vocabulary: int) -> frozenset[int]:
    """Return the tokens that end a line: line breaks, control tokens and ids that the tokenizer does not know."""
    breaks = ("\n", "Ċ", "<0x0A>")  # in plain text, in byte-level tokens, and as a byte of SentencePiece
    words = tokenizer.get_vocab(with_added_tokens=True)
    ends = {number for word, number in words.items() if any(end in word for end in breaks)}
    return frozenset({*ends, *tokenizer.get_added_tokens_decoder(), *(set(range(vocabulary)) - set(words.values()))})


def _check_tokenizer(tokenizer: Tokenizer, *, manifest: ExpanderManifest, vocabulary: int) -> None:
    greatest = max(tokenizer.get_vocab(with_added_tokens=True).values())
    if greatest >= vocabulary:
        sentence = (
            f"The tokenizer has tokens up to {greatest}, the graph's logits {vocabulary}: they belong to two models."
        )
        raise ModelError(sentence)
    for token in ("<|im_start|>", "<|im_end|>"):
        if tokenizer.token_to_id(token) is None:
            sentence = f"The tokenizer of {manifest.model} does not know the control token {token}."
            raise ModelError(sentence)
