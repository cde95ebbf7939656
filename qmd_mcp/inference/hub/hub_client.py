"""The client of the Hugging Face hub or of a mirror: it lists a repository and downloads its files."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

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

from qmd_mcp.errors import PullError, QmdError, first_line
from qmd_mcp.files.private_files import FILE_MODE, make_private_folder
from qmd_mcp.inference.hub.pull_lock import LockedFile

# The library reads its environment variable only when it is imported, and fastembed may have imported it already.
constants.HF_HUB_DISABLE_TELEMETRY = True

_INCOMPLETE = ".incomplete"

_COMMIT = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")
"""A commit of git, whose hash is SHA-1 or SHA-256."""


class PullProgress(Protocol):
    """Is told how far a pull has come."""

    def __call__(self, file: str, *, done: int, total: int) -> None:
        """Take the number of bytes of one file so far; it is called often."""


def unwatched_pull(file: str, *, done: int, total: int) -> None:
    """Ignore the progress of a pull."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A repository at one commit."""

    repository: str
    commit: str
    files: Mapping[str, LockedFile]
    """The files by path, with the hub's own sizes and hashes."""


class Hub:
    """A hub to pull from.

    `HF_ENDPOINT` says which hub, `HF_HUB_OFFLINE` forbids its use, and `HF_TOKEN` identifies the user to it.
    """

    def __init__(self, *, endpoint: str | None = None) -> None:
        self._endpoint = endpoint or constants.ENDPOINT

    def offer(self, repository: str, *, revision: str) -> Offer:
        """List the files of a repository at a branch, tag or commit.

        Raises:
            PullError: the hub does not answer; the message says why.
        """
        with self._translated_errors(repository):
            info = HfApi(endpoint=self._endpoint).model_info(repository, revision=revision, files_metadata=True)
            commit, files = str(info.sha), _files(info)
        if not _COMMIT.fullmatch(commit):
            raise PullError(repository, reason=f"{self._endpoint} names no commit")
        return Offer(repository, commit=commit, files=files)

    def fetch(self, offer: Offer, path: str, target: Path, *, progress: PullProgress) -> None:
        """Download one file, continuing an earlier attempt at the same content. The hash is not checked here.

        Raises:
            PullError: hub, network or disk failed; the message says which.
        """
        url = hf_hub_url(offer.repository, path, revision=offer.commit, endpoint=self._endpoint)
        file = offer.files[path]
        with self._translated_errors(offer.repository):
            _fetch(url, target, file, tqdm_class=_reporting_bar(path, size=file.size, progress=progress))

    @contextmanager
    def _translated_errors(self, repository: str) -> Generator[None]:
        """Turn the library's exceptions into errors of one sentence.

        Raises:
            PullError: hub, network or disk failed.
        """
        try:
            yield
        except QmdError:
            raise
        except OfflineModeIsEnabled as error:
            raise PullError(repository, reason="HF_HUB_OFFLINE is set") from error
        except GatedRepoError as error:
            reason = "its owner asks for consent; accept its terms on the hub and set HF_TOKEN"
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
        except Exception as error:  # whatever a hub answers, and however the library fails on it
            reason = f"the answer of {self._endpoint} cannot be read ({type(error).__name__})"
            raise PullError(repository, reason=reason) from error


def _files(info: Any) -> dict[str, LockedFile]:
    """Return the files of a repository with the hub's own hashes; a file without a hash is none that can be checked."""
    files = {
        each.rfilename: LockedFile(size=each.lfs.size, sha256=each.lfs.sha256)
        if each.lfs is not None
        else LockedFile(size=each.size, git_sha1=each.blob_id)
        for each in info.siblings
        if each.size is not None
    }
    return {path: file for path, file in files.items() if file.sha256 or file.git_sha1}


def _fetch(url: str, target: Path, file: LockedFile, *, tqdm_class: type[tqdm]) -> None:
    """Download a file, appending to what an earlier attempt has left.

    The library's own download function starts again in every process, but the transport below it can continue.
    """
    incomplete = incomplete_path(target, file)
    make_private_folder(incomplete.parent)
    incomplete.touch(mode=FILE_MODE)
    with incomplete.open("r+b") as growing:
        so_far = growing.seek(0, os.SEEK_END)
        if so_far > file.size:
            so_far = growing.seek(0)
            growing.truncate()
        http_get(
            url,
            _Bounded(growing, path=target.name, most=file.size),  # type: ignore[arg-type]  # what http_get uses of a file
            resume_size=so_far,
            headers=build_hf_headers(),
            expected_size=file.size,
            tqdm_class=tqdm_class,
        )
    incomplete.replace(target)


class _Bounded:
    """A file that takes no more bytes than the hub has announced, whatever its server sends."""

    def __init__(self, file: BinaryIO, *, path: str, most: int) -> None:
        self._file = file
        self._path = path
        self._most = most

    def write(self, data: bytes) -> int:
        """Write bytes.

        Raises:
            OSError: the file would become longer than announced; what was received is dropped.
        """
        if self._file.tell() + len(data) > self._most:
            self._file.truncate(0)
            sentence = f"{self._path} is sent with more than the {self._most:,} bytes that the hub announces"
            raise OSError(sentence)
        return self._file.write(data)

    def seek(self, position: int) -> int:
        """Go to a position."""
        return self._file.seek(position)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def truncate(self) -> int:
        """Drop what is behind the position."""
        return self._file.truncate()


def incomplete_path(target: Path, file: LockedFile) -> Path:
    """Return the path of the incomplete download of a file.

    Its name contains the file's hash, so that the download of another commit's file does not continue it.
    """
    return target.with_name(f"{target.name}.{(file.sha256 or file.git_sha1 or '')[:12]}{_INCOMPLETE}")


def _reporting_bar(path: str, *, size: int, progress: PullProgress) -> type[tqdm]:
    """Return a class for the library's progress bar that reports to `progress` instead of drawing a bar."""

    class ReportingBar(tqdm):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **{**named, "disable": True})  # type: ignore[no-untyped-call]  # the library has no annotations
            self._done = int(named.get("initial") or 0)
            progress(path, done=self._done, total=size)

        def update(self, n: float | None = 1) -> bool | None:
            self._done += int(n or 0)
            progress(path, done=self._done, total=size)
            return None

    return ReportingBar
