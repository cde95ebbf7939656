"""Texts as a BERT takes them, and samples of sets of texts."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

MAX_TOKENS = 256
"""`max_seq_length` in the origin's sentence_bert_config.json; its tokenizer files say 512 and 128."""

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
PASSAGES_PER_FOLDER = 100


def write_tokenizer(source: Path, target: Path) -> Tokenizer:
    """Copy the tokenizer with truncation at `MAX_TOKENS` in both files that state one."""
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
    """An even sample of each folder's texts with their titles, shortest first."""
    passages: list[str] = []
    for folder in folders:
        (file,) = (*folder.glob("corpus.jsonl"), *folder.glob("train.jsonl"))
        lines = file.read_text(encoding="utf-8").splitlines()
        documents = map(json.loads, lines[:: max(1, len(lines) // PASSAGES_PER_FOLDER)])
        passages += [f"{each.get('title', '')}\n{each['text']}".strip() for each in documents]
    return sorted(passages, key=len)


def feed(tokenizer: Tokenizer, texts: Sequence[str]) -> dict[str, npt.NDArray[np.int64]]:
    """Tokenise a batch, padded to its longest text."""
    encodings = tokenizer.encode_batch(list(texts))
    ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
    mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
    return dict(zip(INPUTS, (ids, mask, np.zeros_like(ids)), strict=True))
