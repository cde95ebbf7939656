"""The prompts with which a causal language model expands a query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tokenizers import Tokenizer

PromptName = Literal["qwen3", "qmd"]

MAX_QUERY_TOKENS = 96
"""A query is cut to so many tokens: a longer one already says in many words what it looks for. On a CPU, prefilling 4
to 8 tokens takes as long as a decode step."""

_CONTROL = re.compile(r"<\|[^<>|]*\|>|</?think>|</?tool_(?:call|response)>")
"""Qwen's control tokens, also those that the tokenizer does not know."""

_ANSWER = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
"""Qwen3's chat template without thinking: an empty thought precedes the answer."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt in two parts: a head, which is the same for every query of a script, and a tail with the query."""

    name: PromptName
    version: int
    """Must be raised with every change of the text, because expansions are cached under it."""
    head: str
    tail: str
    """Contains `{query}`; it begins where no token can span the end of the head."""
    heads: Mapping[str, str] = field(default_factory=dict)
    """Heads for certain scripts, by ISO 15924 code."""

    @property
    def identity(self) -> str:
        """Name and version, for the keys of caches."""
        return f"{self.name}-{self.version}"


_GENERAL = """\
<|im_start|>system
You help a search engine. For a query you write lines that find what answers it.
lex: a few keywords that a document about it contains, others than the query's own
vec: the same question in other words
hyde: one sentence of a document that answers it
Write in the language of the query. Keep its names, numbers and code exactly as they are.

"""

_ENGLISH = """\
Query: how do I undo my last commit in git
lex: git reset revert HEAD
vec: take back a git commit that was made by mistake
hyde: To undo the last commit in git and keep its changes, run git reset --soft HEAD~1."""

_CHINESE = """\
Query: 怎样降低 Redis 的内存占用
lex: Redis maxmemory 淘汰策略
vec: 让 Redis 少用内存的办法
hyde: 设置 maxmemory 和淘汰策略，Redis 就会删除旧键，减少内存占用。"""

_ASKS = "<|im_end|>\n<|im_start|>user\nQuery:"

PROMPTS: dict[PromptName, Prompt] = {
    "qwen3": Prompt(
        "qwen3",
        version=1,
        head=_GENERAL + _ENGLISH + _ASKS,
        tail=" {query}" + _ANSWER,
        heads={"Hani": _GENERAL + _CHINESE + _ASKS},
    ),
    "qmd": Prompt(
        "qmd",
        version=1,
        head="<|im_start|>user\n/no_think Expand this search query:",
        tail=" {query}" + _ANSWER,
    ),
}
"""The prompts by name: `qwen3` is for any model with Qwen's chat template, `qmd` is the one that qmd's own model was
tuned on.

A head is short and has examples in one language only, because each of its tokens is in the cache of every branch and is
attended to in every step.
"""


def cleaned_query(query: str, tokenizer: Tokenizer) -> str:
    """Return the query as one line, cut to the limit.

    Control tokens are removed, so that a query cannot speak as another role of the chat.
    """
    added = sorted((token.content for token in tokenizer.get_added_tokens_decoder().values()), key=len, reverse=True)
    control = re.compile("|".join((_CONTROL.pattern, *map(re.escape, added))))
    line = query
    while control.search(line):  # what remains around a removed token may form another one
        line = control.sub("", line)
    line = " ".join(line.split())
    encoding = tokenizer.encode(line, add_special_tokens=False)
    if len(encoding.ids) > MAX_QUERY_TOKENS:
        line = line[: encoding.offsets[MAX_QUERY_TOKENS][0]].rstrip()
    return line
