"""Reading the tokenizer of a model."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from qmd_mcp.errors import ModelError


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read the tokenizer from a model's folder, with truncation and padding turned off.

    Raises:
        ModelError: the file is missing or is no tokenizer.
    """
    path = folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the binding raises bare Exception
        sentence = f"The tokenizer {path.parent.name}/{path.name} cannot be read: {error}"
        raise ModelError(sentence) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
