"""The pulling of models from a hub."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from filelock import FileLock

from qmd_mcp.errors import PullError, SetupError
from qmd_mcp.inference.hub.hub_client import Hub
from qmd_mcp.inference.hub.manifest import EmbedderManifest
from qmd_mcp.inference.hub.pull_lock import LOCK_FILE, LockedFile, read_lock
from qmd_mcp.inference.hub.pulling import RESERVE, pull, remove
from tests import hub_server, tiny_embedder

CHUNK = 10 * 1024 * 1024
"""Bytes that the library writes at a time; a smaller rest is lost when a connection breaks."""

MANIFEST = EmbedderManifest.model_validate(
    {
        "model": "tiny",
        "licence": "Apache-2.0",
        "repository": "someone/tiny",
        "dimension": 8,
        "max_tokens": 32,
        "pooling": "mean",
        "files": {
            "cpu": {"graph": "onnx/model_int8.onnx", "format": "int8", "batch_invariant": False},
            "cuda": {
                "graph": "onnx/model.onnx",
                "data": ["onnx/model.onnx_data"],
                "format": "fp32",
                "batch_invariant": True,
            },
        },
    }
)


@pytest.fixture
def hub() -> Generator[hub_server.Hub]:
    files = {
        "README.md": b"not wanted",
        "config.json": b"{}",
        "tokenizer.json": b'{"model": "tiny"}',
        "onnx/model_int8.onnx": bytes(5000),
        "onnx/model.onnx": b"graph",
        "onnx/model.onnx_data": bytes(range(250)) * 10,
    }
    with hub_server.serving(hub_server.Hub("someone/tiny", files)) as served:
        yield served


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_pull_fetches_one_providers_files_and_locks_their_hashes(hub: hub_server.Hub, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "someone--tiny"
    seen: dict[str, int] = {}
    pulled = pull(
        MANIFEST,
        folder,
        hub=Hub(endpoint=hub.url),
        providers=["cpu"],
        progress=lambda file, *, done, total: seen.update({file: total - done}),
    )
    assert files_below(folder) == {"config.json", "tokenizer.json", "onnx/model_int8.onnx", LOCK_FILE}
    lock = read_lock(folder)
    assert lock is not None
    assert (lock.repository, lock.revision, lock.commit) == ("someone/tiny", "main", hub.commit)
    assert lock.files["onnx/model_int8.onnx"] == LockedFile(size=5000, sha256=hashlib.sha256(bytes(5000)).hexdigest())
    assert lock.files["config.json"] == LockedFile(size=2, git_sha1=hub_server.git_sha1(b"{}"))
    assert set(pulled.fetched) == {"config.json", "tokenizer.json", "onnx/model_int8.onnx"}
    assert seen == dict.fromkeys(pulled.fetched, 0)
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]


def test_another_providers_files_join_those_that_are_here(hub: hub_server.Hub, tmp_path: Path) -> None:
    pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cpu"])
    pulled = pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cuda"])
    assert pulled.fetched == ("onnx/model.onnx", "onnx/model.onnx_data")
    assert set(pulled.lock.files) >= {"onnx/model_int8.onnx", "onnx/model.onnx", "onnx/model.onnx_data"}
    assert all(file.fault(tmp_path / "m" / path) is None for path, file in pulled.lock.files.items())
    assert pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cuda", "cpu"]).fetched == ()


def test_a_broken_connection_goes_on_where_it_broke(hub: hub_server.Hub, tmp_path: Path) -> None:
    hub.files["onnx/model_int8.onnx"] = bytes(CHUNK + 5000)
    hub.drop_once["onnx/model_int8.onnx"] = CHUNK + 100
    pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cpu"])
    asked = [span for method, path, span in hub.requests if method == "GET" and path.endswith("int8.onnx")]
    assert asked == [None, f"bytes={CHUNK}-"]


def test_an_interrupted_pull_is_no_model_and_goes_on_next_time(hub: hub_server.Hub, tmp_path: Path) -> None:
    hub.files["onnx/model_int8.onnx"] = bytes(2 * CHUNK + 5000)
    folder = tmp_path / "m"

    def interrupt(file: str, *, done: int, total: int) -> None:
        if done == 2 * CHUNK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(MANIFEST, folder, hub=Hub(endpoint=hub.url), providers=["cpu"], progress=interrupt)
    assert not folder.exists()
    hub.requests.clear()
    pull(MANIFEST, folder, hub=Hub(endpoint=hub.url), providers=["cpu"])
    (resumed,) = [span for method, path, span in hub.requests if method == "GET" and path.endswith("int8.onnx")]
    assert resumed == f"bytes={CHUNK}-"
    assert read_lock(folder) is not None


def test_a_file_with_another_hash_is_deleted_and_no_model_appears(hub: hub_server.Hub, tmp_path: Path) -> None:
    hub.lies.add("onnx/model_int8.onnx")
    with pytest.raises(PullError, match=r"onnx/model_int8\.onnx has another hash than the hub's; it was deleted"):
        pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cpu"])
    assert not (tmp_path / "m").exists()
    hub.lies.clear()
    assert (
        "onnx/model_int8.onnx" in pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cpu"]).fetched
    )


def test_a_disk_without_room_is_noticed_before_the_first_byte(hub: hub_server.Hub, tmp_path: Path) -> None:
    with pytest.raises(
        PullError, match=r"0\.00 GB are needed beside 0\.54 GB of reserve, and the disk of .* has 0\.54"
    ):
        pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cpu"], free=lambda folder: RESERVE + 4000)
    assert hub.requests == []


def test_a_disk_that_fills_up_meanwhile_is_one_line_and_the_pull_goes_on(hub: hub_server.Hub, tmp_path: Path) -> None:
    own = tmp_path / "config" / "qmd-mcp" / "models"
    own.mkdir(parents=True)
    tiny_embedder.write_manifest(own / "mine.toml", repository="someone/tiny", folder=None, revision=None)
    hub.files["model.onnx"] = bytes(100_000)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("QMD_", "HF_"))},
        "XDG_CACHE_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "HF_ENDPOINT": hub.url,
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def pulling(*, most_kilobytes: str) -> subprocess.CompletedProcess[str]:
        limited = ["bash", "-c", 'ulimit -f "$0" && exec "$@"', most_kilobytes]
        command = [*limited, sys.executable, "-m", "qmd_mcp", "models", "pull", "mine"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    full = pulling(most_kilobytes="40")
    assert (full.returncode, full.stdout, full.stderr.count("\n")) == (1, "", 1), full.stderr
    assert "someone/tiny cannot be pulled: [Errno 27] File too large" in full.stderr
    assert pulling(most_kilobytes="unlimited").stdout.startswith("mine/embedder  someone/tiny at ")


def test_a_folder_that_cannot_be_written_is_one_sentence(hub: hub_server.Hub, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file stands where the folder would be")
    with pytest.raises(PullError, match=r"^someone/tiny cannot be pulled: \[Errno \d+\] "):
        pull(MANIFEST, tmp_path / "models" / "m", hub=Hub(endpoint=hub.url), providers=["cpu"])


def test_two_pulls_of_one_model_do_not_meet(hub: hub_server.Hub, tmp_path: Path) -> None:
    def again(file: str, *, done: int, total: int) -> None:
        pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cpu"])

    with pytest.raises(PullError, match="another process is pulling it"):
        pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cpu"], progress=again)


def test_a_model_stays_at_its_commit_until_another_is_asked_for(hub: hub_server.Hub, tmp_path: Path) -> None:
    pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cpu"])
    hub.requests.clear()
    assert pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cpu"]).lock.revision == "main"
    assert hub.requests == []
    hub.files["tokenizer.json"], hub.commit = b'{"model": "tinier"}', "f" * 40
    moved = pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cpu"], revision="main")
    assert (moved.lock.commit, moved.fetched) == ("f" * 40, ("tokenizer.json",))


@pytest.mark.parametrize(
    ("status", "revision", "reason"),
    [
        (200, "nowhere", "it has no such revision"),
        (404, None, "has no such repository"),
        (401, None, "accept its terms on the hub and set HF_TOKEN"),
        (403, None, "answers 403"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(
    hub: hub_server.Hub, tmp_path: Path, status: int, revision: str | None, reason: str
) -> None:
    hub.status = status
    with pytest.raises(PullError, match=reason):
        pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cpu"], revision=revision)


def test_a_repository_without_the_graph_says_what_it_has(hub: hub_server.Hub, tmp_path: Path) -> None:
    del hub.files["onnx/model_int8.onnx"]
    with pytest.raises(PullError, match=r"it has no onnx/model_int8\.onnx; it has onnx/model\.onnx\."):
        pull(MANIFEST, tmp_path / "m", hub=Hub(endpoint=hub.url), providers=["cpu"])


@pytest.mark.parametrize(
    ("offline", "reason"), [("0", "cannot be reached; is there a network?"), ("1", "HF_HUB_OFFLINE")]
)
def test_no_network_is_one_line(tmp_path: Path, offline: str, reason: str) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("QMD_", "HF_"))},
        "XDG_CACHE_HOME": str(tmp_path),
        "HF_ENDPOINT": "http://127.0.0.1:9",  # the port of the discard protocol, on which nothing listens
        "HF_HUB_OFFLINE": offline,
    }
    ended = subprocess.run(
        [sys.executable, "-m", "qmd_mcp", "models", "pull", "bge-small"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert (reason in ended.stderr, ended.stderr.count("\n")) == (True, 1), ended.stderr


def test_what_another_process_is_pulling_is_not_removed_under_it(hub: hub_server.Hub, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "someone--tiny"
    pull(MANIFEST, folder, hub=Hub(endpoint=hub.url), providers=["cpu"], progress=lambda *_, **__: None)
    with FileLock(f"{folder}.lock"), pytest.raises(SetupError, match="Another process is pulling"):
        remove(folder)
    assert "tokenizer.json" in files_below(folder)
    assert remove(folder)
    assert not remove(folder)
    assert not list((tmp_path / "models").iterdir())
