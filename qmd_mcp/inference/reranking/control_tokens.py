"""The control tokens of a chat template, which no text may contain."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tokenizers import Tokenizer

_UNKNOWN = ("[UNK]", "<unk>")
"""The token for a word outside the vocabulary: the one special token that ordinary text produces."""


class ControlTokens:
    """Removes a tokenizer's special tokens, and those of its added tokens that the prompt uses, such as `<think>`."""

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
        """Replace each control token in a text by a space, so that what stood around it cannot form another one."""
        return self._pattern.sub(" ", text)

    def dropped(self, ids: Iterable[int]) -> list[int]:
        """Drop control tokens from the ids of a text: the tokenizer's normalisation can produce one after `removed`."""
        return [number for number in ids if number not in self._ids]
