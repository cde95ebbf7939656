"""Tokens that steer a model and that no text may contain."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tokenizers import Tokenizer

_UNKNOWN = ("[UNK]", "<unk>")
"""What a tokenizer says for a word outside its vocabulary: the one special token that comes from honest text."""


class ControlTokens:
    """Special tokens of a tokenizer, and whatever else of its added tokens the prompt is made of (`<think>`)."""

    def __init__(self, tokenizer: Tokenizer, *, prompt: str = "") -> None:
        unknown = {*_UNKNOWN, getattr(tokenizer.model, "unk_token", None)}
        added = tokenizer.get_added_tokens_decoder()
        tokens = {
            number: token.content
            for number, token in added.items()
            if (token.special or token.content in prompt) and token.content not in unknown
        }
        self._ids = frozenset(tokens)
        longest_first = sorted(tokens.values(), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def removed(self, text: str) -> str:
        """The text, a space for each control token: what stood around one does not make another."""
        return self._pattern.sub(" ", text)

    def dropped(self, ids: Iterable[int]) -> list[int]:
        """Token ids of a text; a control token that normalisation brought about in spite of `removed` is left out."""
        return [number for number in ids if number not in self._ids]
