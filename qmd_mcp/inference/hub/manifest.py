"""What a model is and how it wants to be used, as its manifest says."""

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
"""Fetched where a repository has them; the first two are what a tokenizer needs."""


def _below(path: str) -> str:
    """A path inside the model's folder: a manifest names no other file of the machine."""
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
    """One ONNX graph of a model: the form that suits an execution provider."""

    graph: FilePath
    data: tuple[FilePath, ...] = ()
    """Files with the weights that the graph refers to."""
    format: Format
    batch_invariant: bool
    """Whether an item has the same result alone and in any batch."""
    interactive: bool = True
    """Whether a query can wait for it there; where it cannot, it is used only if the settings name it."""

    @property
    def files(self) -> tuple[str, ...]:
        """The graph and its weights."""
        return (self.graph, *self.data)


class ModelManifest(_Table):
    """What every role says about its model."""

    model: str
    licence: str
    repository: Annotated[str | None, Field(pattern=r"^[\w.-]+/[\w.-]+$")] = None
    """On the hub."""
    folder: str | None = None
    """On disk, relative to the manifest; instead of a repository."""
    revision: str | None = None
    """Hub: branch, tag or commit. Folder: the author raises it whenever a file gives other results."""
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
        """The form for a provider, or else the only one there is."""
        return self.files.get(provider) or next(iter(self.files.values()))


class EmbedderManifest(ModelManifest):
    """Turns texts into vectors."""

    dimension: Annotated[int, Field(ge=1, le=8192)]
    max_tokens: Annotated[int, Field(ge=16, le=32768)]
    pooling: Literal["mean", "cls", "last", "graph"]
    """`graph`: the graph pools itself, and `output` names the result."""
    output: str | None = None
    """The graph's output to take; default: its first."""
    query_prompt: Prompt = "{text}"
    passage_prompt: Prompt = "{text}"
    """`{title}` stands for the breadcrumb; it is left in `{text}` where the prompt has no `{title}`."""
    scripts: tuple[str, ...] = ()
    """ISO 15924 codes of the scripts that it knows; empty for every script."""

    def identity(self, *, commit: str | None = None) -> str:
        """Everything that decides a passage's vector, as one line.

        All providers' files are part of it, not the one in use: losing a GPU does not change the embedder. Of a model
        in a folder the revision stands for its files. What is as usual is left out, so that a new kind of fact does
        not make every index a stranger to its own embedder.
        """
        usual = ("", "{text}")
        prompts = ["" if prompt in usual else prompt for prompt in (self.query_prompt, self.passage_prompt)]
        formats = "+".join(sorted({file.format for file in self.files.values()}))
        named: list[object] = [self.model, commit or self.revision, formats, self.dimension, self.max_tokens]
        files = {name: file.files for name, file in sorted(self.files.items())} if self.repository else None
        unusual = [fact for fact in (self.repository, files, self.output) if fact is not None]
        return json.dumps([*named, self.pooling, *prompts, *unusual], ensure_ascii=False)


class Sampling(_Table):
    """How a token is drawn."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top_k: Annotated[int, Field(ge=1)] = 20
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.8
    presence_penalty: Annotated[float, Field(ge=0, le=2)] = 0.5


class ExpanderManifest(ModelManifest):
    """Turns a query into further lines to look up: a causal language model with a KV cache."""

    template: Literal["qwen3", "qmd"]
    """`qwen3`: a chat without thinking. `qmd`: what qmd's fine-tuned models were trained on."""
    sampling: Sampling = Sampling()


INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"
"""Qwen3-Reranker's own, as its card publishes it."""

TOKEN_BUDGET = 10_240
"""Padded tokens in one forward: 40 passages of 256 tokens, the candidates of a query. A 0.6B model in FP32
takes 0.2 MiB for each beside its weights, 2 GiB in all (benchmarks)."""


class RerankerManifest(ModelManifest):
    """Judges passages against a query: a classifier, or a causal model that says yes or no.

    Which of the two it is is read from the graph's outputs.
    """

    template: Literal["qwen3", "pair"]
    """`qwen3`: the official prompt of Qwen3-Reranker. `pair`: query and passage as the tokenizer joins two texts."""
    instruction: str = INSTRUCTION
    """What a passage is judged by, where the template has a place for it."""
    activation: Literal["sigmoid", "softmax"] = "sigmoid"
    """How a classifier's logits become a probability."""
    positive: Annotated[int, Field(ge=0)] = 0
    """The label that means relevant, where a classifier has several."""
    yes: str = "yes"
    no: str = "no"
    """The tokens between which a causal model chooses."""
    padding: Literal["left", "right"] | None = None
    """Which side of a pair is filled up; default: the template's own, left for Qwen3 and right for BERT."""
    pad_token: str | None = None
    """With what; default: the tokenizer's usual one. A classifier may find a sequence's end by it."""
    max_tokens: Annotated[int, Field(ge=32, le=32768)]
    """Of one pair, template included."""
    token_budget: Annotated[int, Field(ge=32)] = TOKEN_BUDGET
    """Tokens of one forward, padding included: it bounds the memory of a batch."""


def fingerprint_of(*identities: str) -> str:
    """Twelve hex digits that name a generation: enough to tell a user's few embedders apart."""
    return hashlib.sha256("\n".join(identities).encode()).hexdigest()[:12]
