"""What this installation can compute with."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from qmd_mcp.inference.runtime.cuda import Cuda, find_cuda, runtimes_installed

_PACKAGES = ("mcp", "lancedb", "numpy", "tokenizers", "huggingface_hub")
_EITHER = ("fastembed-gpu", "fastembed")


@dataclass(frozen=True, slots=True)
class Environment:
    """Versions, and what there is of CUDA."""

    versions: tuple[str, ...]
    runtimes: tuple[str, ...]
    """Distributions of ONNX Runtime."""
    cuda: Cuda

    def problems(self, *, device: str) -> tuple[str, ...]:
        """What does not hold, and its mend."""
        found: list[str] = []
        if len(self.runtimes) > 1:
            listed = " and ".join(self.runtimes)
            kept = "onnxruntime-gpu" if any(name.startswith("onnxruntime-gpu") for name in self.runtimes) else None
            names = " ".join(each.split(" ")[0] for each in self.runtimes)
            mend = f"pip uninstall {names}; pip install --force-reinstall {kept or self.runtimes[0].split(' ')[0]}"
            found.append(f"{listed} are both installed and overwrite each other's files: {mend}")
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
    return Environment(tuple(found), runtimes_installed(), find_cuda())
