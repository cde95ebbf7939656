"""The manifest of a model: what it is, where its files are, and how it must be used."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePosixPath
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Role: TypeAlias = Literal["embedder", "expander", "reranker"]
ProviderName: TypeAlias = Literal["cpu", "cuda"]
Format: TypeAlias = Literal["int8", "nbits8", "q4f16", "fp16", "fp32"]

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json")
"""Files that are pulled if a repository has them; a tokenizer needs the first two."""


def _below(path: str) -> str:
    """Refuse a path that leads out of the model's folder: a manifest must not name other files of the machine."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path or ":" in path:
        sentence = "must be a relative path below the model's folder"
        raise ValueError(sentence)
    return path


def _template(prompt: str) -> str:
    if "{text}" not in prompt:
        sentence = "must contain {text}"
        raise ValueError(sentence)
    return prompt


FilePath: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(_below)]
Prompt: TypeAlias = Annotated[str, AfterValidator(_template)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GraphFile(_Table):
    """One ONNX graph of a model, in the form that suits an execution provider."""

    graph: FilePath
    data: tuple[FilePath, ...] = ()
    """Files with weights, to which the graph refers."""
    format: Format
    batch_invariant: bool
    """Whether an item has the same result alone and in any batch."""
    interactive: bool = True
    """Whether it is fast enough on that provider for a query; if not, it is used only if a setting names it."""

    @property
    def files(self) -> tuple[str, ...]:
        """The graph and the files with its weights."""
        return (self.graph, *self.data)


class ModelManifest(_Table):
    """The part of the manifest that every role has."""

    model: str
    licence: str
    repository: Annotated[str | None, Field(pattern=r"^[\w.-]+/[\w.-]+$")] = None
    """The repository on the hub."""
    folder: str | None = None
    """The folder on disk, relative to the manifest, if the model is not on the hub."""
    revision: str | None = None
    """Of a repository: the branch, tag or commit. Of a folder: its author must raise it whenever a file gives other
    results."""
    files: Annotated[dict[ProviderName, GraphFile], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_one_place(self) -> ModelManifest:
        if (self.repository is None) == (self.folder is None):
            sentence = "exactly one of repository and folder says where the files are"
            raise ValueError(sentence)
        if self.folder is not None and self.revision is None:
            sentence = "a model in a folder needs a revision"
            raise ValueError(sentence)
        return self

    def graph_for(self, provider: ProviderName) -> GraphFile:
        """Return the form for a provider, or the first one if there is none for it."""
        return self.files.get(provider) or next(iter(self.files.values()))


class EmbedderManifest(ModelManifest):
    """Turns texts into vectors."""

    dimension: Annotated[int, Field(ge=1, le=8192)]
    max_tokens: Annotated[int, Field(ge=16, le=32768)]
    pooling: Literal["mean", "cls", "last", "graph"]
    """How token states become one vector. `graph`: the graph pools by itself, and `output` names the result."""
    output: str | None = None
    """The output of the graph that is used; by default its first."""
    query_prompt: Prompt = "{text}"
    passage_prompt: Prompt = "{text}"
    """`{title}` is replaced by the breadcrumb, which stays in `{text}` if the prompt has no `{title}`."""
    scripts: tuple[str, ...] = ()
    """ISO 15924 codes of the scripts that the model knows; empty means all scripts."""

    def identity(self, *, commit: str | None = None) -> str:
        """Return one line with everything that decides a passage's vector.

        It contains the files for all providers, not only those in use, so that losing a GPU does not change the
        embedder. For a model in a folder, the revision stands for its files. Default values are left out, so that a new
        field of the manifest does not make existing indexes refuse their own embedder.
        """
        defaults = ("", "{text}")
        prompts = ["" if prompt in defaults else prompt for prompt in (self.query_prompt, self.passage_prompt)]
        formats = "+".join(sorted({file.format for file in self.files.values()}))
        named: list[object] = [self.model, commit or self.revision, formats, self.dimension, self.max_tokens]
        files = {name: file.files for name, file in sorted(self.files.items())} if self.repository else None
        not_default = [fact for fact in (self.repository, files, self.output) if fact is not None]
        return json.dumps([*named, self.pooling, *prompts, *not_default], ensure_ascii=False)


class Sampling(_Table):
    """How a token is sampled."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_k: Annotated[int, Field(ge=1)] = 20
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.8
    presence_penalty: Annotated[float, Field(ge=0, le=2)] = 0.5


class ExpanderManifest(ModelManifest):
    """Turns a query into further lines to look up: a causal language model with a KV cache."""

    template: Literal["qwen3", "qmd"]
    """The prompt: `qwen3` is a chat without thinking, `qmd` is what qmd's fine-tuned models were trained on."""
    sampling: Sampling = Sampling()


INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"
"""The instruction that the model card of Qwen3-Reranker publishes."""

TOKEN_BUDGET = 10_240
"""Tokens in one forward pass, padding included: 40 passages of 256 tokens, which are the candidates of a query. A 0.6B
model in FP32 takes 0.2 MiB for each token beside its weights, 2 GiB in all (benchmarks/results/rerankers.md)."""


class RerankerManifest(ModelManifest):
    """Judges passages against a query: a classifier, or a causal language model that answers yes or no.

    The graph's outputs tell which of the two it is.
    """

    template: Literal["qwen3", "pair"]
    """`qwen3` is the official prompt of Qwen3-Reranker; `pair` joins two texts as the tokenizer does."""
    instruction: str = INSTRUCTION
    """The task that the model is told, if the template has a place for it."""
    activation: Literal["sigmoid", "softmax"] = "sigmoid"
    """How a classifier's logits become a probability."""
    positive: Annotated[int, Field(ge=0)] = 0
    """The label that means relevant, if a classifier has several."""
    yes: str = "yes"
    no: str = "no"
    """The tokens `yes` and `no` between which a causal language model chooses."""
    padding: Literal["left", "right"] | None = None
    """The side on which a pair is padded; by default that of the template, left for Qwen3 and right for BERT."""
    pad_token: str | None = None
    """The padding token, by which a classifier may find the end of a sequence; by default the tokenizer's usual one."""
    max_tokens: Annotated[int, Field(ge=32, le=32768)]
    """Tokens of one pair at most, template included."""
    token_budget: Annotated[int, Field(ge=32)] = TOKEN_BUDGET
    """Tokens of one forward pass, padding included; this limits the memory of a batch."""


def fingerprint_of(*identities: str) -> str:
    """Return twelve hex digits that name a generation, which is enough to tell a user's few embedders apart."""
    return hashlib.sha256("\n".join(identities).encode()).hexdigest()[:12]
