"""Whether a model does here what its manifest says: its files, their hashes, its contract, placement and speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from qmd_mcp.errors import SetupError
from qmd_mcp.inference.hub.local_model import Model
from qmd_mcp.inference.hub.manifest import ModelManifest, Role
from qmd_mcp.inference.runtime.session import PlacedSession


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready."""

    placed: PlacedSession
    contract: str
    """What its graph takes and gives, in words."""
    use: Callable[[], object]
    """One use of it."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found out about one model."""

    role: Role
    name: str
    model: str
    folder: str
    files: str
    """How many are here and whether they are the hub's."""
    provider: str | None = None
    contract: str | None = None
    placement: str | None = None
    load_ms: float | None = None
    probe_ms: float | None = None
    """One use of it when it is warm: the least of three."""
    notes: tuple[str, ...] = ()
    problem: str | None = None


def examine(model: Model[ModelManifest], *, load: Callable[[], Loaded]) -> Examination:
    """Check a model's files, load it, use it."""
    files, problem = _files(model)
    about = (model.role, model.name, model.manifest.model, str(model.folder), files)
    if problem is not None:
        return Examination(*about, problem=problem)
    started = time.perf_counter()
    try:
        loaded = load()
    except SetupError as error:
        return Examination(*about, problem=str(error))
    load_ms = (time.perf_counter() - started) * 1e3
    return Examination(
        *about,
        provider=loaded.placed.provider,
        contract=loaded.contract,
        placement=f"{loaded.placed.graph.format}, {loaded.placed.placement}",
        load_ms=round(load_ms, 1),
        probe_ms=round(min(_milliseconds(loaded.use) for _ in range(3)), 2),
        notes=loaded.placed.notes,
    )


def _files(model: Model[ModelManifest]) -> tuple[str, str | None]:
    lock = model.lock
    if lock is None:
        return ("in a folder, not hashed", None) if model.manifest.folder else ("not pulled", _not_pulled(model))
    faults = [f"{path} {fault}" for path, file in lock.files.items() if (fault := file.fault(model.folder / path))]
    if faults:
        return f"{len(lock.files)} files", f"{'; '.join(faults)}. Run: qmd-mcp models pull {model.name}/{model.role}"
    return f"{len(lock.files)} files as on the hub at {lock.commit[:12]}", None


def _not_pulled(model: Model[ModelManifest]) -> str:
    return f"it has not been pulled. Run: qmd-mcp models pull {model.name}/{model.role}"


def _milliseconds(use: Callable[[], object]) -> float:
    started = time.perf_counter()
    use()
    return (time.perf_counter() - started) * 1e3
