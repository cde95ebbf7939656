"""Whether CUDA can be used here, found out before ONNX Runtime tries and complains."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import onnxruntime as ort

from qmd_mcp.inference.runtime.gpu import Gpu, find_gpus
from qmd_mcp.inference.runtime.once import once

MEND = "pip install 'qmd-mcp[cuda]'"
"""Brings every library but the driver's."""
DRIVER_MEND = "install NVIDIA's driver for this machine"


@dataclass(frozen=True, slots=True)
class Library:
    """A shared library that the CUDA provider needs."""

    file: str
    package: str
    """Its wheel."""
    required: bool
    """Whether the provider is linked to it; it loads the others when a graph needs them (convolutions, transforms)."""
    path: str | None
    """Where it was found: a file of the wheel, or its bare name where the system has it."""

    @property
    def mend(self) -> str:
        """What brings it."""
        return DRIVER_MEND if self.package == "driver" else MEND


@dataclass(frozen=True, slots=True)
class Cuda:
    """What the machine has of CUDA."""

    built: bool
    """Whether this ONNX Runtime has a CUDA provider."""
    version: str
    """Of CUDA that it was built for."""
    libraries: tuple[Library, ...]
    gpus: tuple[Gpu, ...]

    @property
    def obstacle(self) -> str | None:
        """Why CUDA cannot be used, and the mend; null if it can."""
        if not self.built:
            return f"this ONNX Runtime has no CUDA provider: {MEND}"
        missing = [library for library in self.libraries if library.required and library.path is None]
        if missing:
            names = ", ".join(library.file for library in missing)
            mends = " and ".join(dict.fromkeys(library.mend for library in missing))
            return f"{names} cannot be loaded: {mends}"
        return None if self.gpus else f"no NVIDIA GPU answers: {DRIVER_MEND}"


def names_of_libraries(cuda_version: str, *, windows: bool) -> tuple[tuple[str, str], ...]:
    """File and wheel of each library that the provider of a CUDA version loads, in order.

    The soname of cuFFT and cuRAND is not CUDA's: 11 and 10 with CUDA 12, 12 and 10 with CUDA 13.
    """
    major = cuda_version.partition(".")[0]
    fft = {"12": "11", "13": "12"}.get(major, major)
    if windows:
        return (
            ("nvcuda.dll", "driver"),
            (f"cudart64_{major}.dll", "nvidia-cuda-runtime"),
            (f"cublasLt64_{major}.dll", "nvidia-cublas"),
            (f"cublas64_{major}.dll", "nvidia-cublas"),
            (f"cufft64_{fft}.dll", "nvidia-cufft"),
            ("cudnn64_9.dll", "nvidia-cudnn"),
        )
    return (
        ("libcuda.so.1", "driver"),
        (f"libcudart.so.{major}", "nvidia-cuda-runtime"),
        (f"libcublasLt.so.{major}", "nvidia-cublas"),
        (f"libcublas.so.{major}", "nvidia-cublas"),
        ("libcurand.so.10", "nvidia-curand"),
        (f"libcufft.so.{fft}", "nvidia-cufft"),
        ("libcudnn.so.9", "nvidia-cudnn"),
    )


@once
def find_cuda() -> Cuda:
    """Look once; what is found stays loaded, which is how the provider finds it afterwards."""
    built = "CUDAExecutionProvider" in ort.get_available_providers()
    version = str(getattr(ort, "cuda_version", "") or "")
    if not built:
        return Cuda(built=False, version=version, libraries=(), gpus=())
    names = names_of_libraries(version, windows=sys.platform == "win32")
    return Cuda(built=True, version=version, libraries=load_libraries(names, roots=_wheels()), gpus=find_gpus())


_OPTIONAL = ("nvidia-cufft", "nvidia-cudnn")


def load_libraries(
    names: Sequence[tuple[str, str]],
    *,
    roots: Sequence[Path],
    load: Callable[[str], object] = ctypes.CDLL,
) -> tuple[Library, ...]:
    """Load each from NVIDIA's wheels or else from the system."""
    return tuple(
        Library(file, package, package not in _OPTIONAL, _loaded(file, roots=roots, load=load))
        for file, package in names
    )


def _loaded(file: str, *, roots: Sequence[Path], load: Callable[[str], object]) -> str | None:
    inside = [str(found) for root in roots for found in sorted(root.rglob(file))]
    for candidate in (*inside, file):
        try:
            load(candidate)
        except OSError:
            continue
        return candidate
    return None


def _wheels() -> tuple[Path, ...]:
    """Folders of NVIDIA's wheels: beside ONNX Runtime's, which need not be on the library path."""
    folder = Path(str(ort.__file__)).parent.parent / "nvidia"
    return (folder,) if folder.is_dir() else ()


def runtimes_installed() -> tuple[str, ...]:
    """Distributions that contain ONNX Runtime; two of them overwrite each other's files."""
    found: list[str] = []
    for name in ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino"):
        try:
            found.append(f"{name} {distribution(name).version}")
        except PackageNotFoundError:
            continue
    return tuple(found)
