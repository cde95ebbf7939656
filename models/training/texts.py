"""Samples of text from data sets, tokenized as a BERT takes them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

MAX_TOKENS = 256
"""`max_seq_length` in the original model's sentence_bert_config.json; its tokenizer files say 512 and 128."""

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
PASSAGES_PER_FOLDER = 100
PAIRS_PER_FOLDER = 60

Text: TypeAlias = str | tuple[str, str]
"""One text, or a pair of query and passage."""


def write_tokenizer(source: Path, target: Path) -> Tokenizer:
    """Copy the tokenizer, with truncation at `MAX_TOKENS` in both files that state a limit."""
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding()
    tokenizer.save(str(target / "tokenizer.json"), pretty=False)
    settings = json.loads((source / "tokenizer_config.json").read_text())
    settings["model_max_length"] = MAX_TOKENS
    (target / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
    for name in ("special_tokens_map.json", "config.json"):
        (target / name).write_bytes((source / name).read_bytes())
    return tokenizer


def read_passages(folders: Sequence[Path]) -> list[str]:
    """Read an even sample of each folder's texts with their titles, shortest first."""
    passages: list[str] = []
    for folder in folders:
        (file,) = (*folder.glob("corpus.jsonl"), *folder.glob("train.jsonl"))
        lines = file.read_text(encoding="utf-8").splitlines()
        documents = map(json.loads, lines[:: max(1, len(lines) // PASSAGES_PER_FOLDER)])
        passages += [f"{each.get('title', '')}\n{each['text']}".strip() for each in documents]
    return sorted(passages, key=len)


def read_pairs(folders: Sequence[Path]) -> list[tuple[str, str]]:
    """Read an even sample of each training set's queries, each with its own passage and with that of another query.

    The other passage is that of the query before.
    """
    pairs: list[tuple[str, str]] = []
    for folder in folders:
        lines = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines[:: max(1, len(lines) // PAIRS_PER_FOLDER)]]
        passages = [f"{row['title']}\n{row['text']}".strip() for row in rows]
        queries = [row["query"] for row in rows]
        pairs += [*zip(queries, passages, strict=True), *zip(queries[1:], passages[:-1], strict=True)]
    return pairs


def feed(tokenizer: Tokenizer, texts: Sequence[Text]) -> dict[str, npt.NDArray[np.int64]]:
    """Tokenize a batch and pad it to its longest text."""
    encodings = tokenizer.encode_batch(list(texts))
    rows = [(encoding.ids, encoding.attention_mask, encoding.type_ids) for encoding in encodings]
    return {name: np.array(each, dtype=np.int64) for name, each in zip(INPUTS, zip(*rows, strict=True), strict=True)}
