"""The CUDA provider: whether it can be used here, found out before ONNX Runtime tries it and prints errors."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort

from qmd_mcp.inference.runtime.gpu import Gpu, find_gpus
from qmd_mcp.inference.runtime.once import once

REMEDY = "pip install 'qmd-mcp[cuda]'"
"""The command that installs every library except the driver's."""
DRIVER_REMEDY = "install NVIDIA's driver for this machine"


@dataclass(frozen=True, slots=True)
class Library:
    """A shared library that the CUDA provider needs."""

    file: str
    package: str
    """The wheel that contains it, or `driver`."""
    required: bool
    """Whether the provider is linked to it. The provider loads the other libraries only when a graph needs them, for
    convolutions and transforms."""
    path: str | None
    """Where it was found: a file of the wheel, its bare name if the system has it, or None if it cannot be loaded."""

    @property
    def remedy(self) -> str:
        """What the operator must do to install the library."""
        return DRIVER_REMEDY if self.package == "driver" else REMEDY


@dataclass(frozen=True, slots=True)
class Cuda:
    """The parts of CUDA that this machine has."""

    built: bool
    """Whether the installed ONNX Runtime has a CUDA provider."""
    version: str
    """The version of CUDA that ONNX Runtime was built for."""
    libraries: tuple[Library, ...]
    gpus: tuple[Gpu, ...]

    @property
    def obstacle(self) -> str | None:
        """Why CUDA cannot be used and what the operator must do, or None if it can be used."""
        if not self.built:
            return f"this ONNX Runtime has no CUDA provider: {REMEDY}"
        missing = [library for library in self.libraries if library.required and library.path is None]
        if missing:
            names = ", ".join(library.file for library in missing)
            remedies = " and ".join(dict.fromkeys(library.remedy for library in missing))
            return f"{names} cannot be loaded: {remedies}"
        return None if self.gpus else f"no NVIDIA GPU answers: {DRIVER_REMEDY}"


def names_of_libraries(cuda_version: str, *, windows: bool) -> tuple[tuple[str, str], ...]:
    """Return the file and the wheel of each library that the provider loads, in the order of loading.

    cuFFT and cuRAND have version numbers of their own in their file names: 11 and 10 with CUDA 12, 12 and 10 with
    CUDA 13.
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
    """Look for CUDA once in this process; it takes long enough that an event loop should call it in a worker thread.

    The libraries stay loaded, which is how ONNX Runtime finds them afterwards.
    """
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
    """Load each library from NVIDIA's wheels below the roots or, if it is not there, from the system."""
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
    """Return the folder of NVIDIA's wheels beside ONNX Runtime, which need not be on the system's library path."""
    folder = Path(str(ort.__file__)).parent.parent / "nvidia"
    return (folder,) if folder.is_dir() else ()
