"""The pulling of a model from the hub into its folder, which happens on request and never during a query."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from qmd_mcp.errors import PullError, SetupError, first_line
from qmd_mcp.files.private_files import FILE_MODE, make_private_folder
from qmd_mcp.inference.hub.hub_client import Hub, Offer, PullProgress, incomplete_path, unwatched_pull
from qmd_mcp.inference.hub.manifest import TOKENIZER_FILES, ModelManifest, ProviderName
from qmd_mcp.inference.hub.pull_lock import Lock, LockedFile, read_lock
from qmd_mcp.inference.hub.staging import Staging

RESERVE = 512 * 1024 * 1024
"""Bytes that must stay free on the disk."""

DEFAULT_REVISION = "main"
"""The branch that the hub gives to a new repository."""

_LOCK = ".lock"
"""Ending of the file whose lock keeps two pulls of a model apart."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """The result of a pull."""

    lock: Lock
    fetched: tuple[str, ...]
    """The files that were downloaded."""
    size: int
    """The bytes of all files of the model."""


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk on which a folder is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def pull(
    manifest: ModelManifest,
    folder: Path,
    *,
    hub: Hub,
    providers: Sequence[ProviderName],
    revision: str | None = None,
    progress: PullProgress = unwatched_pull,
    free: Callable[[Path], int] = free_bytes,
) -> Pulled:
    """Download a model's files into a folder, continuing where an interrupted pull stopped.

    A model that was pulled before stays at its commit, because an index depends on it, unless `revision` asks for
    another one. The folder appears, or changes, only when every file is there and has the hub's hash.

    Raises:
        PullError: hub, network or disk failed, or a hash differs; the message says which.
    """
    assert manifest.repository is not None, "a model in a folder is not pulled"
    try:
        make_private_folder(folder.parent)
        with FileLock(_lock_path(folder), timeout=0, mode=FILE_MODE):
            known = read_lock(folder)
            wanted_revision = revision or (known.commit if known else manifest.revision) or DEFAULT_REVISION
            offer = hub.offer(manifest.repository, revision=wanted_revision)
            wanted = _wanted(offer, manifest, providers=providers)
            if known is not None and known.commit == offer.commit:
                wanted = {**known.files, **wanted}  # the files of another provider stay
            staging = Staging(folder)
            absent = staging.collect(wanted)
            _check_space(offer.repository, staging.path, absent, free=free(staging.path))
            for path in absent:
                hub.fetch(offer, path, staging.path / path, progress=progress)
            staging.check_hashes(offer.repository, wanted)
            named = known.revision if known is not None and revision is None else wanted_revision
            lock = Lock(repository=offer.repository, revision=named, commit=offer.commit, files=wanted)
            staging.install(lock)
    except Timeout as error:
        raise PullError(manifest.repository, reason="another process is pulling it") from error
    except OSError as error:
        raise PullError(manifest.repository, reason=first_line(error)) from error
    return Pulled(lock, tuple(absent), sum(file.size for file in wanted.values()))


def remove(folder: Path) -> bool:
    """Delete what was pulled into a folder, an interrupted pull included, and return whether the folder existed.

    Raises:
        SetupError: another process is pulling the model.
    """
    here = folder.exists()
    if not folder.parent.exists():
        return here
    try:
        with FileLock(_lock_path(folder), timeout=0, mode=FILE_MODE):
            shutil.rmtree(folder, ignore_errors=True)
            Staging(folder).clear()
            _lock_path(folder).unlink(missing_ok=True)
    except Timeout as error:
        sentence = f"Another process is pulling the model in {folder}; remove it when that has ended."
        raise SetupError(sentence) from error
    return here


def _lock_path(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)


def _wanted(offer: Offer, manifest: ModelManifest, *, providers: Sequence[ProviderName]) -> dict[str, LockedFile]:
    graphs = [path for provider in providers for path in manifest.graph_for(provider).files]
    for path in (*graphs, "tokenizer.json"):
        if path not in offer.files:
            others = ", ".join(sorted(name for name in offer.files if name.endswith(".onnx"))) or "no ONNX graph"
            raise PullError(offer.repository, reason=f"it has no {path}; it has {others}")
    return {path: offer.files[path] for path in (*graphs, *TOKENIZER_FILES) if path in offer.files}


def _check_space(repository: str, staging: Path, absent: Mapping[str, LockedFile], *, free: int) -> None:
    begun = [incomplete_path(staging / path, file) for path, file in absent.items()]
    needed = sum(file.size for file in absent.values()) - sum(each.stat().st_size for each in begun if each.exists())
    if absent and free < needed + RESERVE:
        sentence = f"{_gigabytes(needed)} are needed beside {_gigabytes(RESERVE)} of reserve, and the disk of "
        raise PullError(repository, reason=f"{sentence}{staging.parent} has {_gigabytes(free)}")


def _gigabytes(count: int) -> str:
    return f"{max(count, 0) / 1e9:.2f} GB"
