"""What a causal LM is told before it expands a query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tokenizers import Tokenizer

PromptName = Literal["qwen3", "qmd"]

MAX_QUERY_TOKENS = 96
"""What is longer already says in many words what it looks for; on a CPU a step takes as long as 4 to 8 tokens of it."""

_CONTROL = re.compile(r"<\|[^<>|]*\|>|</?think>|</?tool_(?:call|response)>")
"""Qwen's control tokens, known to the tokenizer or not."""

_ANSWER = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
"""Qwen3's template without thinking: the thought is over before the answer begins."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The part that is the same for every query of a script, and the part that has the query in it."""

    name: PromptName
    version: int
    """Raise it with any change of the text: expansions are kept under it."""
    head: str
    tail: str
    """With `{query}`; it begins where no token reaches across."""
    heads: Mapping[str, str] = field(default_factory=dict)
    """For scripts that have a head of their own, by ISO 15924 code."""

    @property
    def identity(self) -> str:
        """Name and version, for keys of caches."""
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
"""qwen3 is for any model with Qwen's chat template; qmd is what qmd's own model was tuned on.

A head is short, and shows one language: each of its tokens is in every branch's cache, and each step attends to it.
"""


def asked(query: str, tokenizer: Tokenizer) -> str:
    """The query as the prompt may hold it: one line, no longer than the limit, unable to speak as another role."""
    added = sorted((token.content for token in tokenizer.get_added_tokens_decoder().values()), key=len, reverse=True)
    control = re.compile("|".join((_CONTROL.pattern, *map(re.escape, added))))
    line = query
    while control.search(line):  # what is left around a token may be another
        line = control.sub("", line)
    line = " ".join(line.split())
    encoding = tokenizer.encode(line, add_special_tokens=False)
    if len(encoding.ids) > MAX_QUERY_TOKENS:
        line = line[: encoding.offsets[MAX_QUERY_TOKENS][0]].rstrip()
    return line
