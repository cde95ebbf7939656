"""What a model is allowed on an execution provider."""

from __future__ import annotations

from qmd_mcp.inference.hub.manifest import Format, ProviderName
from qmd_mcp.inference.runtime.placement import Placement

PROVIDERS: dict[ProviderName, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
"""ONNX Runtime's names."""

_MEGABYTE = 1024 * 1024


def objection(form: Format, *, provider: ProviderName, placement: Placement) -> str | None:
    """Why a session must not be used; null if it may.

    A graph of which CUDA computes a part only carries every activation to the processor and back: INT8 without CUDA
    kernels ran ten times slower than on the processor alone.
    """
    if provider == "cpu":
        return None
    strays = placement.compute_off(PROVIDERS[provider])
    if not strays:
        return None
    listed = ", ".join(f"{count} {operator}" for operator, count in sorted(strays.items()))
    return f"CUDA has no kernel for parts of this {form} graph, which would run on the processor: {listed}"


def warning(form: Format, *, provider: ProviderName) -> str | None:
    """What somebody should know who runs this format there."""
    if provider == "cpu" and form == "q4f16":
        return "q4f16 is made for GPUs; on the processor it computes in FP32 after unpacking, slowly"
    return None


def cuda_options(*, gpu_memory_mb: int, tf32: bool) -> dict[str, str]:
    """The CUDA provider's options, as its documentation names them; a limit of 0 is none.

    https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html
    """
    # kSameAsRequested: alternating models would otherwise double their arenas each time (onnxruntime#29351)
    options = {"arena_extend_strategy": "kSameAsRequested", "use_tf32": "1" if tf32 else "0"}
    if gpu_memory_mb:
        options["gpu_mem_limit"] = str(gpu_memory_mb * _MEGABYTE)
    return options
