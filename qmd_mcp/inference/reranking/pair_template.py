"""The templates that join a query and a document into one sequence for a cross-encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from tokenizers import Tokenizer

from qmd_mcp.errors import ModelError
from qmd_mcp.inference.hub.manifest import INSTRUCTION
from qmd_mcp.inference.reranking.control_tokens import ControlTokens

TemplateName: TypeAlias = Literal["pair", "qwen3"]

LEAST_ROOM = 16
"""Tokens that a template must leave for query and document together, or it is refused."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and a document as one sequence of tokens."""

    ids: tuple[int, ...]
    types: tuple[int, ...]
    """The segment of each token: 0 for the query and 1 for the document, if the model distinguishes them."""

    def __len__(self) -> int:
        """Number of tokens."""
        return len(self.ids)


class Template(Protocol):
    """Makes pairs of a query and documents."""

    def encode(self, query: str, texts: Sequence[str], *, intent: str | None = None) -> list[Pair]:
        """Make one pair for each text, no longer than the model takes; the text is cut before the query is."""
        ...


class PairTemplate:
    """Joins pairs as the tokenizer does, such as `[CLS] query [SEP] document [SEP]`, for BERT-like cross-encoders."""

    def __init__(self, tokenizer: Tokenizer, *, model: str, max_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._control = ControlTokens(tokenizer)
        example = tokenizer.encode("a", "a")
        query = [place for place, part in enumerate(example.sequence_ids) if part == 0]
        document = [place for place, part in enumerate(example.sequence_ids) if part == 1]
        if not query or not document or query[-1] + 1 >= document[0]:
            sentence = f"{model} takes pairs, and its tokenizer puts nothing between the two texts of one."
            raise ModelError(sentence)
        before, between = slice(0, query[0]), slice(query[-1] + 1, document[0])
        after = slice(document[-1] + 1, len(example.ids))
        self._ids = [example.ids[part] for part in (before, between, after)]
        self._types = [example.type_ids[part] for part in (before, between, after)]
        self._segments = example.type_ids[query[0]], example.type_ids[document[0]]
        self._room = _room(model, max_tokens=max_tokens, taken=sum(map(len, self._ids)))

    def encode(self, query: str, texts: Sequence[str], *, intent: str | None = None) -> list[Pair]:
        """Make the pairs; the intent follows the query, and both together take at most half of the room."""
        question, *documents = self._tokens([f"{query}\n{intent}" if intent else query, *texts])
        question = question[: self._room // 2]
        return [self._joined(question, document[: self._room - len(question)]) for document in documents]

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        cleaned = [self._control.removed(text) for text in texts]
        return [
            self._control.dropped(each.ids) for each in self._tokenizer.encode_batch(cleaned, add_special_tokens=False)
        ]

    def _joined(self, query: list[int], document: list[int]) -> Pair:
        before, between, after = self._ids
        before_types, between_types, after_types = self._types
        query_segment, document_segment = self._segments
        return Pair(
            ids=(*before, *query, *between, *document, *after),
            types=(
                *before_types,
                *([query_segment] * len(query)),
                *between_types,
                *([document_segment] * len(document)),
                *after_types,
            ),
        )


class Qwen3Template:
    """Puts pairs into the prompt that Qwen3-Reranker was trained with.

    The prompt is the one that the model card publishes, https://huggingface.co/Qwen/Qwen3-Reranker-0.6B. The turns of
    system and assistant are tokenized separately from the user's turn, and only the user's turn is cut.
    """

    BEFORE = (
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
        'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
    )
    AFTER = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"

    def __init__(self, tokenizer: Tokenizer, *, model: str, max_tokens: int, instruction: str = INSTRUCTION) -> None:
        self._tokenizer = tokenizer
        self._instruction = instruction
        self._control = ControlTokens(tokenizer, prompt=self.BEFORE + self.AFTER)
        self._before: list[int] = tokenizer.encode(self.BEFORE, add_special_tokens=False).ids
        self._after: list[int] = tokenizer.encode(self.AFTER, add_special_tokens=False).ids
        self._room = max_tokens - len(self._before) - len(self._after)
        frame = tokenizer.encode(_user_turn(instruction, query="", document=""), add_special_tokens=False).ids
        taken = len(self._before) + len(frame) + len(self._after)
        self._free = _room(model, max_tokens=max_tokens, taken=taken)

    def encode(self, query: str, texts: Sequence[str], *, intent: str | None = None) -> list[Pair]:
        """Make the pairs; the intent is added to the instruction.

        The intent takes at most an eighth of the room, and the query at most a third.
        """
        instruction = self._instruction
        if intent:
            instruction += f". What the user is after: {self._shortened(intent, tokens=self._free // 8)}"
        question = self._shortened(query, tokens=self._free // 3)
        turns = [_user_turn(instruction, query=question, document=self._control.removed(text)) for text in texts]
        pairs: list[Pair] = []
        for turn in self._tokenizer.encode_batch(turns, add_special_tokens=False):
            ids = (*self._before, *self._control.dropped(turn.ids)[: self._room], *self._after)
            pairs.append(Pair(ids=ids, types=(0,) * len(ids)))
        return pairs

    def _shortened(self, text: str, *, tokens: int) -> str:
        """Return the beginning of a text, without control tokens."""
        cleaned = self._control.removed(text)
        encoding = self._tokenizer.encode(cleaned, add_special_tokens=False)
        return cleaned if len(encoding.ids) <= tokens else cleaned[: encoding.offsets[tokens - 1][1]]


def make_template(
    name: TemplateName, *, tokenizer: Tokenizer, model: str, max_tokens: int, instruction: str = INSTRUCTION
) -> Template:
    """Make the template that a manifest names.

    Raises:
        ModelError: the tokenizer does not join pairs, or `max_tokens` leaves no room for query and document.
    """
    if name == "pair":
        return PairTemplate(tokenizer, model=model, max_tokens=max_tokens)
    return Qwen3Template(tokenizer, model=model, max_tokens=max_tokens, instruction=instruction)


def _user_turn(instruction: str, *, query: str, document: str) -> str:
    return f"<Instruct>: {instruction}\n<Query>: {query}\n<Document>: {document}"


def _room(model: str, *, max_tokens: int, taken: int) -> int:
    if (room := max_tokens - taken) < LEAST_ROOM:
        sentence = (
            f"{model} is given at most {max_tokens} tokens, and its prompt takes {taken}: at least {LEAST_ROOM} more "
            "are needed for query and document."
        )
        raise ModelError(sentence)
    return room
