"""Models fetched from the Hugging Face hub, or a mirror of it: only ever when somebody asks for one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
from filelock import FileLock, Timeout
from huggingface_hub import HfApi, constants, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers, tqdm  # type: ignore[attr-defined]  # its __all__ is computed

from qmd_mcp.errors import PullError
from qmd_mcp.inference.lock import LOCK_FILE, Lock, LockedFile, read_lock
from qmd_mcp.inference.manifest import TOKENIZER_FILES, ModelManifest, ProviderName

constants.HF_HUB_DISABLE_TELEMETRY = True  # its variable is read at the library's import, and fastembed imports it too

RESERVE = 512 * 1024 * 1024
"""Bytes that must stay free on the disk."""

_STAGING = ".partial"
"""Ending of the folder in which a pull grows until it is complete."""

_INCOMPLETE = ".incomplete"


class PullProgress(Protocol):
    """Whoever wants to watch a pull."""

    def __call__(self, file: str, *, done: int, total: int) -> None:
        """Bytes of one file so far; called often."""


def unwatched_pull(file: str, *, done: int, total: int) -> None:
    """Watch nothing."""


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


class Hub:
    """A hub to pull from; `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` say which, whether and as whom."""

    def __init__(self, *, endpoint: str | None = None, free: Callable[[Path], int] = free_bytes) -> None:
        self._endpoint = endpoint or constants.ENDPOINT
        self._free = free

    def pull(
        self,
        manifest: ModelManifest,
        folder: Path,
        *,
        providers: Sequence[ProviderName],
        revision: str | None = None,
        progress: PullProgress = unwatched_pull,
    ) -> Pulled:
        """Fetch a model's files into a folder; an interrupted pull goes on where it stopped.

        A model that is here stays at the commit that it was pulled at, unless `revision` asks for another: an index
        depends on it. The folder appears, or changes, when every file is there and has the hub's hash.

        Raises:
            PullError: hub, network, disk or a hash stand in the way; says what.
        """
        assert manifest.repository is not None, "a model in a folder is not pulled"
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(folder.with_name(f"{folder.name}.lock"), timeout=0):
                return self._pull(manifest, folder, providers=providers, revision=revision, progress=progress)
        except Timeout as error:
            raise PullError(manifest.repository, reason="another process is pulling it") from error

    def _pull(
        self,
        manifest: ModelManifest,
        folder: Path,
        *,
        providers: Sequence[ProviderName],
        revision: str | None,
        progress: PullProgress,
    ) -> Pulled:
        repository = str(manifest.repository)
        known = read_lock(folder)
        asked = revision or (known.commit if known else manifest.revision) or constants.DEFAULT_REVISION
        with _plain_reasons(repository, endpoint=self._endpoint):
            info = HfApi(endpoint=self._endpoint).model_info(repository, revision=asked, files_metadata=True)
        wanted = _wanted(repository, manifest, providers=providers, offered=_offered(info))
        if known is not None and known.commit == info.sha:
            wanted = {**known.files, **wanted}  # another provider's files stay
        commit = str(info.sha)
        staging = folder.with_name(folder.name + _STAGING)
        absent = self._stage(wanted, folder=folder, staging=staging)
        self._check_space(repository, staging, absent)
        with _plain_reasons(repository, endpoint=self._endpoint):
            for path, file in absent.items():
                url = hf_hub_url(repository, path, revision=commit, endpoint=self._endpoint)
                _fetch(url, staging / path, file, tqdm_class=_watched(path, size=file.size, progress=progress))
        for path, file in wanted.items():
            fault = file.fault(staging / path)
            if fault is not None:
                (staging / path).unlink(missing_ok=True)
                raise PullError(repository, reason=f"{path} {fault}; it was deleted, pull again")
        asked_for = known.revision if known is not None and revision is None else asked
        lock = Lock(repository=repository, revision=asked_for, commit=commit, files=wanted)
        lock.write(staging)
        _install(staging, folder, lock)
        return Pulled(lock, tuple(absent), sum(file.size for file in wanted.values()))

    def _stage(self, wanted: Mapping[str, LockedFile], *, folder: Path, staging: Path) -> dict[str, LockedFile]:
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

    def _check_space(self, repository: str, staging: Path, absent: Mapping[str, LockedFile]) -> None:
        begun = [_begun(staging / path, file) for path, file in absent.items()]
        needed = sum(file.size for file in absent.values()) - sum(
            each.stat().st_size for each in begun if each.exists()
        )
        free = self._free(staging)
        if absent and free < needed + RESERVE:
            sentence = f"{_gigabytes(needed)} are needed beside {_gigabytes(RESERVE)} of reserve, and the disk of "
            raise PullError(repository, reason=f"{sentence}{staging.parent} has {_gigabytes(free)}")


def _offered(info: Any) -> dict[str, LockedFile]:
    """The repository's files with the hub's own hashes."""
    return {
        each.rfilename: LockedFile(size=each.lfs.size, sha256=each.lfs.sha256)
        if each.lfs is not None
        else LockedFile(size=each.size, git_sha1=each.blob_id)
        for each in info.siblings
        if each.size is not None
    }


def _wanted(
    repository: str,
    manifest: ModelManifest,
    *,
    providers: Sequence[ProviderName],
    offered: Mapping[str, LockedFile],
) -> dict[str, LockedFile]:
    graphs = [path for provider in providers for path in manifest.graph_for(provider).files]
    for path in (*graphs, "tokenizer.json"):
        if path not in offered:
            others = ", ".join(sorted(name for name in offered if name.endswith(".onnx"))) or "no ONNX graph"
            raise PullError(repository, reason=f"it has no {path}; it has {others}")
    return {path: offered[path] for path in (*graphs, *TOKENIZER_FILES) if path in offered}


def _fetch(url: str, target: Path, file: LockedFile, *, tqdm_class: type[tqdm]) -> None:
    """Append to what an earlier attempt has left.

    The library's own download begins anew in every process; its transport below can go on.
    """
    begun = _begun(target, file)
    begun.parent.mkdir(parents=True, exist_ok=True)
    begun.touch()
    with begun.open("r+b") as growing:
        so_far = growing.seek(0, os.SEEK_END)
        if so_far > file.size:
            so_far = growing.seek(0)
            growing.truncate()
        http_get(
            url,
            growing,
            resume_size=so_far,
            headers=build_hf_headers(),
            expected_size=file.size,
            tqdm_class=tqdm_class,
        )
    begun.rename(target)


def _begun(target: Path, file: LockedFile) -> Path:
    """Where a file grows; named by its hash, so that another commit's does not go on with it."""
    return target.with_name(f"{target.name}.{(file.sha256 or file.git_sha1 or '')[:12]}{_INCOMPLETE}")


def _watched(path: str, *, size: int, progress: PullProgress) -> type[tqdm]:
    """The library's progress bar, telling us instead of drawing itself."""

    class Watched(tqdm):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **{**named, "disable": True})  # type: ignore[no-untyped-call]  # the library's own
            self._done = int(named.get("initial") or 0)
            progress(path, done=self._done, total=size)

        def update(self, n: float | None = 1) -> bool | None:
            self._done += int(n or 0)
            progress(path, done=self._done, total=size)
            return None

    return Watched


def _link(source: Path, target: Path) -> None:
    """The same file under another name; a copy where the file system cannot do that."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def _install(staging: Path, folder: Path, lock: Lock) -> None:
    """Put a complete model in its place."""
    for path in [path for path in staging.rglob("*") if path.is_file()]:
        if path.relative_to(staging).as_posix() not in {*lock.files, LOCK_FILE}:  # of another commit
            path.unlink()
    former = folder.with_name(folder.name + ".former")
    shutil.rmtree(former, ignore_errors=True)
    if folder.exists():
        folder.rename(former)
    staging.rename(folder)
    shutil.rmtree(former, ignore_errors=True)


@contextmanager
def _plain_reasons(repository: str, *, endpoint: str) -> Generator[None]:
    """Say in one sentence what the library says in many.

    Raises:
        PullError: whatever went wrong with hub, network or disk.
    """
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise PullError(repository, reason="HF_HUB_OFFLINE is set") from error
    except GatedRepoError as error:
        reason = "its owner lets in whom they know; accept its terms on the hub and set HF_TOKEN"
        raise PullError(repository, reason=reason) from error
    except RepositoryNotFoundError as error:
        raise PullError(repository, reason=f"{endpoint} has no such repository") from error
    except RevisionNotFoundError as error:
        raise PullError(repository, reason="it has no such revision") from error
    except HfHubHTTPError as error:
        raise PullError(repository, reason=f"{endpoint} answers {error.response.status_code}") from error
    except httpx.HTTPError as error:
        raise PullError(repository, reason=f"{endpoint} cannot be reached; is there a network?") from error
    except OSError as error:
        raise PullError(repository, reason=str(error).splitlines()[0]) from error


def _gigabytes(count: int) -> str:
    return f"{max(count, 0) / 1e9:.2f} GB"
