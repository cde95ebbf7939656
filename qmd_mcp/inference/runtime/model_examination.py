"""The examination of one model: its files and their hashes, its contract, its placement and its speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from qmd_mcp.errors import SetupError
from qmd_mcp.inference.hub.local_model import Model
from qmd_mcp.inference.hub.manifest import ModelManifest, Role
from qmd_mcp.inference.runtime.session import PlacedSession

_PROBES = 3
"""Uses that are timed; the fastest counts, because other work on the machine can only slow one down."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is loaded for an examination."""

    placed: PlacedSession
    contract: str
    """What its graph takes and gives, in words."""
    use: Callable[[], object]
    """Uses the model once."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found out about one model."""

    role: Role
    name: str
    model: str
    folder: str
    files: str
    """How many files there are, and whether they are those of the hub."""
    provider: str | None = None
    contract: str | None = None
    placement: str | None = None
    load_ms: float | None = None
    probe_ms: float | None = None
    """Time of one use when the model is warm, the fastest of three."""
    notes: tuple[str, ...] = ()
    problem: str | None = None
    """Why the model cannot be used, or None if it can."""


def examine(model: Model[ModelManifest], *, load: Callable[[], Loaded]) -> Examination:
    """Check a model's files, load it and use it."""
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
        probe_ms=round(min(_milliseconds(loaded.use) for _ in range(_PROBES)), 2),
        notes=loaded.placed.notes,
    )


def _files(model: Model[ModelManifest]) -> tuple[str, str | None]:
    """Describe the files, and what is wrong with them or None."""
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
