"""Models that somebody asks for, from the hub to the models' folder: never at query time."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from qmd_mcp.errors import PullError, SetupError, first_line
from qmd_mcp.inference.hub.hub_client import Hub, Offer, PullProgress, begun_at, unwatched_pull
from qmd_mcp.inference.hub.manifest import TOKENIZER_FILES, ModelManifest, ProviderName
from qmd_mcp.inference.hub.pull_lock import LOCK_FILE, Lock, LockedFile, read_lock

RESERVE = 512 * 1024 * 1024
"""Bytes that must stay free on the disk."""

DEFAULT_REVISION = "main"
"""Where the hub's repositories begin."""

_STAGING, _FORMER, _LOCK = ".partial", ".former", ".lock"
"""Endings: of the folder in which a pull grows until it is complete, of the one that it replaces, and of the file that
keeps two pulls apart."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull has done."""

    lock: Lock
    fetched: tuple[str, ...]
    """Files that were not here before."""
    size: int
    """Bytes of all of its files."""


def free_bytes(folder: Path) -> int:
    """What the disk has left where a folder is or will be."""
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
    """Fetch a model's files into a folder; an interrupted pull goes on where it stopped.

    A model that is here stays at the commit that it was pulled at, unless `revision` asks for another: an index
    depends on it. The folder appears, or changes, when every file is there and has the hub's hash.

    Raises:
        PullError: hub, network, disk or a hash stand in the way; says what.
    """
    assert manifest.repository is not None, "a model in a folder is not pulled"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(_beside(folder, _LOCK), timeout=0):
            known = read_lock(folder)
            asked = revision or (known.commit if known else manifest.revision) or DEFAULT_REVISION
            offer = hub.offer(manifest.repository, revision=asked)
            wanted = _wanted(offer, manifest, providers=providers)
            if known is not None and known.commit == offer.commit:
                wanted = {**known.files, **wanted}  # another provider's files stay
            staging = _beside(folder, _STAGING)
            absent = _stage(wanted, folder=folder, staging=staging)
            _check_space(offer.repository, staging, absent, free=free(staging))
            for path in absent:
                hub.fetch(offer, path, staging / path, progress=progress)
            _check_hashes(offer.repository, staging, wanted)
            named = known.revision if known is not None and revision is None else asked
            lock = Lock(repository=offer.repository, revision=named, commit=offer.commit, files=wanted)
            _install(staging, folder, lock)
    except Timeout as error:
        raise PullError(manifest.repository, reason="another process is pulling it") from error
    except OSError as error:
        raise PullError(manifest.repository, reason=first_line(error)) from error
    return Pulled(lock, tuple(absent), sum(file.size for file in wanted.values()))


def remove(folder: Path) -> bool:
    """Delete what was pulled into a folder, half a pull too; whether it was there.

    Raises:
        SetupError: another process is pulling it.
    """
    here = folder.exists()
    if not folder.parent.exists():
        return here
    try:
        with FileLock(_beside(folder, _LOCK), timeout=0):
            for each in (folder, _beside(folder, _STAGING), _beside(folder, _FORMER)):
                shutil.rmtree(each, ignore_errors=True)
            _beside(folder, _LOCK).unlink(missing_ok=True)
    except Timeout as error:
        sentence = f"Another process is pulling the model in {folder}; remove it when that has ended."
        raise SetupError(sentence) from error
    return here


def _beside(folder: Path, ending: str) -> Path:
    return folder.with_name(folder.name + ending)


def _wanted(offer: Offer, manifest: ModelManifest, *, providers: Sequence[ProviderName]) -> dict[str, LockedFile]:
    graphs = [path for provider in providers for path in manifest.graph_for(provider).files]
    for path in (*graphs, "tokenizer.json"):
        if path not in offer.files:
            others = ", ".join(sorted(name for name in offer.files if name.endswith(".onnx"))) or "no ONNX graph"
            raise PullError(offer.repository, reason=f"it has no {path}; it has {others}")
    return {path: offer.files[path] for path in (*graphs, *TOKENIZER_FILES) if path in offer.files}


def _stage(wanted: Mapping[str, LockedFile], *, folder: Path, staging: Path) -> dict[str, LockedFile]:
    """Take over what is here already; the rest."""
    staging.mkdir(parents=True, exist_ok=True)
    absent: dict[str, LockedFile] = {}
    for path, file in wanted.items():
        if file.fault(staging / path) is None:
            continue
        (staging / path).unlink(missing_ok=True)
        if file.fault(folder / path) is None:
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            _link(folder / path, staging / path)
        else:
            absent[path] = file
    return absent


def _check_space(repository: str, staging: Path, absent: Mapping[str, LockedFile], *, free: int) -> None:
    begun = [begun_at(staging / path, file) for path, file in absent.items()]
    needed = sum(file.size for file in absent.values()) - sum(each.stat().st_size for each in begun if each.exists())
    if absent and free < needed + RESERVE:
        sentence = f"{_gigabytes(needed)} are needed beside {_gigabytes(RESERVE)} of reserve, and the disk of "
        raise PullError(repository, reason=f"{sentence}{staging.parent} has {_gigabytes(free)}")


def _check_hashes(repository: str, staging: Path, wanted: Mapping[str, LockedFile]) -> None:
    for path, file in wanted.items():
        fault = file.fault(staging / path)
        if fault is not None:
            (staging / path).unlink(missing_ok=True)
            raise PullError(repository, reason=f"{path} {fault}; it was deleted, pull again")


def _link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where the file system cannot do that."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def _install(staging: Path, folder: Path, lock: Lock) -> None:
    """Put a complete model in its place."""
    lock.write(staging)
    for path in [path for path in staging.rglob("*") if path.is_file()]:
        if path.relative_to(staging).as_posix() not in {*lock.files, LOCK_FILE}:  # of another commit
            path.unlink()
    former = _beside(folder, _FORMER)
    shutil.rmtree(former, ignore_errors=True)
    if folder.exists():
        folder.rename(former)
    staging.rename(folder)
    shutil.rmtree(former, ignore_errors=True)


def _gigabytes(count: int) -> str:
    return f"{max(count, 0) / 1e9:.2f} GB"
