"""The environment that models run in: installed packages and CUDA."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version

from qmd_mcp.inference.runtime.cuda import Cuda, find_cuda

_PACKAGES = ("mcp", "lancedb", "numpy", "tokenizers", "huggingface_hub")
_EITHER = ("fastembed-gpu", "fastembed")
"""One of the two is enough."""
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")
"""Distributions that contain ONNX Runtime; two of them overwrite each other's files."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What this installation consists of."""

    versions: tuple[str, ...]
    """Python and the packages that matter, each with its version."""
    runtimes: tuple[str, ...]
    """The installed distributions of ONNX Runtime."""
    cuda: Cuda

    def problems(self, *, device: str) -> tuple[str, ...]:
        """What is wrong with the installation, each with what the operator must do."""
        found: list[str] = []
        if len(self.runtimes) > 1:
            listed = " and ".join(self.runtimes)
            kept = "onnxruntime-gpu" if any(name.startswith("onnxruntime-gpu") for name in self.runtimes) else None
            names = " ".join(each.split(" ")[0] for each in self.runtimes)
            remedy = f"pip uninstall {names}; pip install --force-reinstall {kept or self.runtimes[0].split(' ')[0]}"
            found.append(f"{listed} are both installed and overwrite each other's files: {remedy}")
        if device == "cuda" and self.cuda.obstacle:
            found.append(f"the device cuda is asked for, but {self.cuda.obstacle}")
        return tuple(found)


def inspect_environment() -> Environment:
    """Look at the installed packages, the CUDA libraries and the driver."""
    found = [f"Python {platform.python_version()}"]
    for package in (*_PACKAGES, *_EITHER):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            if package not in _EITHER:
                found.append(f"{package} missing")
    return Environment(tuple(found), _runtimes_installed(), find_cuda())


def _runtimes_installed() -> tuple[str, ...]:
    found: list[str] = []
    for name in _RUNTIMES:
        try:
            found.append(f"{name} {distribution(name).version}")
        except PackageNotFoundError:
            continue
    return tuple(found)
