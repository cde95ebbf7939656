"""The Hugging Face hub, or a mirror of it: what a repository has, and fetching a file of it."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
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

from qmd_mcp.errors import PullError, first_line
from qmd_mcp.inference.hub.pull_lock import LockedFile

constants.HF_HUB_DISABLE_TELEMETRY = True  # its variable is read at the library's import, and fastembed imports it too

_INCOMPLETE = ".incomplete"


class PullProgress(Protocol):
    """Whoever wants to watch a pull."""

    def __call__(self, file: str, *, done: int, total: int) -> None:
        """Bytes of one file so far; called often."""


def unwatched_pull(file: str, *, done: int, total: int) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A repository at one commit."""

    repository: str
    commit: str
    files: Mapping[str, LockedFile]
    """By path, with the hub's own sizes and hashes."""


class Hub:
    """A hub to pull from; `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` say which, whether and as whom."""

    def __init__(self, *, endpoint: str | None = None) -> None:
        self._endpoint = endpoint or constants.ENDPOINT

    def offer(self, repository: str, *, revision: str) -> Offer:
        """What a repository has at a branch, tag or commit.

        Raises:
            PullError: the hub does not tell; says why.
        """
        with self._plain_reasons(repository):
            info = HfApi(endpoint=self._endpoint).model_info(repository, revision=revision, files_metadata=True)
        return Offer(repository, commit=str(info.sha), files=_files(info))

    def fetch(self, offer: Offer, path: str, target: Path, *, progress: PullProgress) -> None:
        """Fetch one file; goes on where an earlier attempt at the same content stopped. Its hash is not looked at.

        Raises:
            PullError: hub, network or disk stand in the way; says what.
        """
        url = hf_hub_url(offer.repository, path, revision=offer.commit, endpoint=self._endpoint)
        file = offer.files[path]
        with self._plain_reasons(offer.repository):
            _fetch(url, target, file, tqdm_class=_watched(path, size=file.size, progress=progress))

    @contextmanager
    def _plain_reasons(self, repository: str) -> Generator[None]:
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
            raise PullError(repository, reason=f"{self._endpoint} has no such repository") from error
        except RevisionNotFoundError as error:
            raise PullError(repository, reason="it has no such revision") from error
        except HfHubHTTPError as error:
            raise PullError(repository, reason=f"{self._endpoint} answers {error.response.status_code}") from error
        except httpx.HTTPError as error:
            raise PullError(repository, reason=f"{self._endpoint} cannot be reached; is there a network?") from error
        except OSError as error:
            raise PullError(repository, reason=first_line(error)) from error


def _files(info: Any) -> dict[str, LockedFile]:
    """The repository's files with the hub's own hashes."""
    return {
        each.rfilename: LockedFile(size=each.lfs.size, sha256=each.lfs.sha256)
        if each.lfs is not None
        else LockedFile(size=each.size, git_sha1=each.blob_id)
        for each in info.siblings
        if each.size is not None
    }


def _fetch(url: str, target: Path, file: LockedFile, *, tqdm_class: type[tqdm]) -> None:
    """Append to what an earlier attempt has left.

    The library's own download begins anew in every process; its transport below can go on.
    """
    begun = begun_at(target, file)
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
    begun.replace(target)


def begun_at(target: Path, file: LockedFile) -> Path:
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
