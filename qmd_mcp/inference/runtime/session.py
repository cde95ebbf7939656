"""Sessions of ONNX Runtime, opened in this one place for every role."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import onnxruntime as ort

from qmd_mcp.errors import DeviceError, ModelError
from qmd_mcp.inference.hub.manifest import GraphFile, ModelManifest, ProviderName
from qmd_mcp.inference.runtime.cuda import Cuda, find_cuda
from qmd_mcp.inference.runtime.placement import RECORDING, Placement, read_placement
from qmd_mcp.inference.runtime.provider_choice import PROVIDERS, cuda_options, objection, warning

Device: TypeAlias = Literal["auto", "cpu", "cuda"]

_ERRORS_ONLY = 3
"""ONNX Runtime's severity: its warnings that shape nodes run on the CPU tell a user nothing."""


@dataclass(frozen=True, slots=True)
class PlacedSession:
    """A session that passed the rules of its provider, with its placement."""

    session: ort.InferenceSession
    graph: GraphFile
    """The form of the model that was opened."""
    provider: ProviderName
    placement: Placement
    notes: tuple[str, ...] = ()
    """Why it runs on this provider and not on another, and what the operator should know about that."""

    @property
    def description(self) -> str:
        """Format, placement and notes, in words."""
        return "; ".join((self.graph.format, str(self.placement), *self.notes))


class SessionFactory:
    """Opens each model on CUDA if the setting `device` asks for it or CUDA can be used, and else on the CPU."""

    def __init__(
        self,
        *,
        device: Device = "auto",
        gpu_memory_mb: int = 0,
        tf32: bool = True,
        cuda: Callable[[], Cuda] = find_cuda,
    ) -> None:
        self._device = device
        self._gpu_memory_mb = gpu_memory_mb
        self._tf32 = tf32
        self._cuda = cuda

    @property
    def usable(self) -> tuple[ProviderName, ...]:
        """The providers that work here, preferred first; empty if the setting asks for CUDA and it cannot be used.

        The first call may look for CUDA, which an event loop should leave to a worker thread.
        """
        if self._device == "cpu":
            return ("cpu",)
        if self._cuda().obstacle:
            return () if self._device == "cuda" else ("cpu",)
        return ("cuda",) if self._device == "cuda" else ("cuda", "cpu")

    def candidates(self, manifest: ModelManifest) -> tuple[ProviderName, ...]:
        """Return the providers on which a model is tried, in order.

        With `device = auto`, CUDA is not looked for if the model has no form for it.

        Raises:
            DeviceError: the setting asks for CUDA and it cannot be used; the message says what to install.
        """
        if self._device == "cpu" or (self._device == "auto" and "cuda" not in manifest.files):
            return ("cpu",)
        obstacle = self._cuda().obstacle
        if self._device == "cuda":
            if obstacle:
                raise DeviceError("cuda", obstacle=obstacle)
            return ("cuda",) if "cuda" in manifest.files else ("cpu",)
        return ("cpu",) if obstacle else ("cuda", "cpu")

    def open(self, manifest: ModelManifest, folder: Path, *, threads: int) -> PlacedSession:
        """Open a model's graph on the first provider that its format and its placement allow.

        Raises:
            DeviceError: the setting asks for CUDA and it cannot be used, at all or for this graph.
            ModelError: a file is missing or is no graph.
        """
        notes: list[str] = []
        candidates = self.candidates(manifest)
        if self._device == "cuda" and candidates == ("cpu",):
            notes.append("runs on the CPU by policy: its manifest has no form for CUDA")
        for provider in candidates:
            graph = manifest.graph_for(provider)
            try:
                session = self._create(folder / graph.graph, provider, threads=threads)
                placement = read_placement(session)
                refused = objection(graph.format, provider=provider, placement=placement)
            except ModelError as error:
                if provider == candidates[-1]:
                    raise
                refused = str(error)
            if refused is None:
                note = warning(graph.format, provider=provider)
                return PlacedSession(session, graph, provider, placement, (*notes, *([note] if note else [])))
            if provider == candidates[-1]:
                raise DeviceError(provider, obstacle=f"{manifest.model} is refused there: {refused}")
            notes.append(f"runs on the CPU: {refused}")
        raise AssertionError

    def _create(self, path: Path, provider: ProviderName, *, threads: int) -> ort.InferenceSession:
        if provider == "cpu":
            return open_session(path, threads=threads)
        cuda = cuda_options(gpu_memory_mb=self._gpu_memory_mb, tf32=self._tf32)
        session = _create(path, _options(threads=threads), [(PROVIDERS["cuda"], cuda), PROVIDERS["cpu"]])
        if session.get_providers()[0] != PROVIDERS["cuda"]:  # ONNX Runtime fell back without an exception
            sentence = f"The model file {path.name} could not be loaded onto the GPU."
            raise ModelError(sentence)
        return session


def open_session(path: Path, *, threads: int) -> ort.InferenceSession:
    """Open a graph on the CPU, with so many threads for one forward pass.

    Raises:
        ModelError: the file is missing or is no graph.
    """
    return _create(path, _options(threads=threads), [PROVIDERS["cpu"]])


def _options(*, threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads that spin take CPU time from LanceDB's threads. Both retrievals of a query together took 18.8 ms with
    # spinning and 15.8 without; the embedding of a query alone took 1.4 and 2.1 (p50, 2 cores).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry(RECORDING, "1")
    # The optimised graph is not cached on disk. That would save 14 of 60 ms for the embedder that ships, but finding it
    # there by its hash takes as long, because 23 MB must be hashed.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    return options


def _create(
    path: Path, options: ort.SessionOptions, providers: Sequence[str | tuple[str, Mapping[str, Any]]]
) -> ort.InferenceSession:
    if not path.is_file():
        sentence = f"The model file {path.name} is missing from {path.parent.name}; install or pull the model again."
        raise ModelError(sentence)
    try:
        # ONNX Runtime's own fallback prints to stdout, which is the transport of a stdio server
        return ort.InferenceSession(str(path), sess_options=options, providers=list(providers), enable_fallback=0)
    except Exception as error:  # ONNX Runtime's exceptions have no common base but Exception
        sentence = f"The model file {path.name} cannot be loaded: {str(error).splitlines()[0]}"
        raise ModelError(sentence) from error


def cores() -> int:
    """Return how many CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
