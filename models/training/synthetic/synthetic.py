"""Write full-size graphs with random weights in the formats of the real models, for timing without the real ones.

python models/training/synthetic/synthetic.py classifier --precision fp32 --out FOLDER

The program needs only onnx and numpy, except for the decoder, which needs the whole extra `train`. It writes
`model.onnx` and `model.onnx_data`, up to 2.4 GB.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from synthetic_encoder import build_embedder, build_reranker

PRECISIONS = {
    "classifier": ("fp32", "fp16"),
    "causal": ("fp32", "fp16"),
    "embedder": ("int8", "fp16", "fp32"),
    "decoder": ("q4f16", "int4"),
}


def main(arguments: Sequence[str]) -> None:
    """Write the graph that the command line asks for, and print its path."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    models = parser.add_subparsers(dest="model", required=True)
    for model, precisions in PRECISIONS.items():
        options = models.add_parser(model)
        options.add_argument("--precision", choices=precisions, default=precisions[0])
        options.add_argument("--out", type=Path, required=True, help="folder")
    chosen = parser.parse_args(arguments)
    print(build(chosen.model, out=chosen.out, precision=chosen.precision))


def build(model: str, *, out: Path, precision: str) -> Path:
    """Write a graph and return its path."""
    if model == "embedder":
        return build_embedder(out, precision=precision)
    if model == "decoder":
        import synthetic_decoder  # imported here because its builder needs the extra `train`

        synthetic_decoder.build(out, precision=precision)
        return out / "model.onnx"
    return build_reranker(out, head=model, precision=precision)


if __name__ == "__main__":
    main(sys.argv[1:])
