"""Write the graph of Qwen3-0.6B with random weights: as large and as slow as the real one, but its output is noise.

    python models/training/synthetic/synthetic_decoder.py FOLDER --precision int4

The program needs onnxruntime-genai and onnx-ir beside the extra `train`, about a minute, and 6 GB of memory.
"""

import argparse
import contextlib
import pydoc_data.topics
import re
import sys
import tempfile
from pathlib import Path
from typing import Literal, get_args

import torch
from onnxruntime_genai.models.builder import create_model, parse_extra_options
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Qwen3Config

Precision = Literal["q4f16", "int4"]
"""q4f16 is for CUDA: weights of 4 bits, activations and cache of 16. int4 is for the CPU: the same weights, activations
in 8-bit blocks in multiplications and float32 elsewhere, and a cache of 32 bits."""

CONFIGURATION = Qwen3Config(
    vocab_size=151_936,
    hidden_size=1_024,
    intermediate_size=3_072,
    num_hidden_layers=28,
    num_attention_heads=16,
    num_key_value_heads=8,
    head_dim=128,
    max_position_embeddings=40_960,
    rms_norm_eps=1e-6,
    rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
    tie_word_embeddings=True,
    attention_bias=False,
    dtype="float16",
    architectures=["Qwen3ForCausalLM"],
)
"""The config.json of Qwen/Qwen3-0.6B, which is licensed under Apache-2.0."""

WORDS = 20_000
"""Size of the vocabulary, which is learned from Python's own manual. An English query has about as many tokens as with
Qwen's vocabulary of 151,643."""

PADDING, END_OF_TURN = "<|endoftext|>", "<|im_end|>"
CONTROL = (PADDING, "<|im_start|>", END_OF_TURN, "<think>", "</think>")

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""The pattern by which Qwen's tokenizer splits a text before it forms tokens; no token spans two parts."""


def build(out: Path, *, precision: Precision) -> None:
    """Write `model.onnx`, its data, `tokenizer.json` and `genai_config.json` into a folder.

    What the builder prints goes to standard error.
    """
    provider = "cuda" if precision == "q4f16" else "cpu"
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder, contextlib.redirect_stdout(sys.stderr):
        source = Path(folder, "source")
        AutoModelForCausalLM.from_config(CONFIGURATION, dtype=torch.float16).save_pretrained(source)
        tokeniser().save_pretrained(source)
        where = ("", str(source), str(out), "int4", provider, str(Path(folder, "cache")))
        # Only CUDA's attention can normalise queries and keys itself. With separate nodes the graph runs anywhere.
        create_model(*where, **parse_extra_options(*where, ["fuse_qk_norm_gqa=false"]))


def tokeniser() -> PreTrainedTokenizerFast:
    """Train a byte-level BPE that knows the control tokens of Qwen's chat template."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(re.split(r"\n\n+", "\n\n".join(pydoc_data.topics.topics.values())), trainer)
    tokenizer.add_special_tokens(list(CONTROL))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END_OF_TURN, pad_token=PADDING)


def main() -> None:
    """Write the graph that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--precision", choices=get_args(Precision), required=True)
    arguments = parser.parse_args()
    build(arguments.folder.absolute(), precision=arguments.precision)


if __name__ == "__main__":
    main()
