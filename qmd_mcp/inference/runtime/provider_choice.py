"""The rules for running a model's format on an execution provider."""

from __future__ import annotations

from qmd_mcp.inference.hub.manifest import Format, ProviderName
from qmd_mcp.inference.runtime.placement import Placement

PROVIDERS: dict[ProviderName, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
"""ONNX Runtime's names of the providers."""

_MEGABYTE = 1024 * 1024


def objection(form: Format, *, provider: ProviderName, placement: Placement) -> str | None:
    """Why a session must not be used on a provider, or None if it may.

    If CUDA computes only a part of a graph, every activation is copied to the CPU and back: INT8 without CUDA kernels
    ran ten times slower than on the CPU alone.
    """
    if provider == "cpu":
        return None
    strays = placement.compute_off(PROVIDERS[provider])
    if not strays:
        return None
    listed = ", ".join(f"{count} {operator}" for operator, count in sorted(strays.items()))
    return f"CUDA has no kernel for parts of this {form} graph, which would run on the CPU: {listed}"


def warning(form: Format, *, provider: ProviderName) -> str | None:
    """What the operator should know about a format on a provider, or None."""
    if provider == "cpu" and form == "q4f16":
        return "q4f16 is made for GPUs; the CPU unpacks it and computes in FP32, slowly"
    return None


def cuda_options(*, gpu_memory_mb: int, tf32: bool) -> dict[str, str]:
    """Return the options of the CUDA provider, as its documentation names them; 0 MB means that there is no limit.

    https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html
    """
    # kSameAsRequested: models that take turns would otherwise double their arenas each time (onnxruntime#29351)
    options = {"arena_extend_strategy": "kSameAsRequested", "use_tf32": "1" if tf32 else "0"}
    if gpu_memory_mb:
        options["gpu_mem_limit"] = str(gpu_memory_mb * _MEGABYTE)
    return options
