"""A hub or a mirror can send whatever it likes: a pull takes what was announced, or says one sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from qmd_mcp.errors import PullError
from qmd_mcp.inference.hub.hub_client import Hub
from qmd_mcp.inference.hub.manifest import EmbedderManifest
from qmd_mcp.inference.hub.pull_lock import LOCK_FILE, read_lock
from qmd_mcp.inference.hub.pulling import pull
from tests import hub_server

MANIFEST = EmbedderManifest.model_validate(
    {
        "model": "tiny",
        "licence": "Apache-2.0",
        "repository": "someone/tiny",
        "dimension": 8,
        "max_tokens": 32,
        "pooling": "mean",
        "files": {"cpu": {"graph": "model.onnx", "format": "int8", "batch_invariant": False}},
    }
)


@pytest.fixture
def hub() -> Generator[hub_server.Hub]:
    files = {"tokenizer.json": b"{}", "config.json": b"{}", "model.onnx": bytes(1_000)}
    with hub_server.serving(hub_server.Hub("someone/tiny", files)) as served:
        yield served


def refusal(hub: hub_server.Hub, folder: Path) -> str:
    with pytest.raises(PullError) as raised:
        pull(MANIFEST, folder / "model", hub=Hub(endpoint=hub.url), providers=["cpu"])
    assert not (folder / "model").exists()
    sentence = str(raised.value)
    assert sentence.startswith("someone/tiny cannot be pulled: ")
    assert "\n" not in sentence
    return sentence


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_no_more_bytes_are_taken_than_were_announced(hub: hub_server.Hub, tmp_path: Path) -> None:
    """Twice as many as are received at once, so that an endless file would be noticed as well."""
    hub.longer["model.onnx"] = 20_000_000
    assert "model.onnx is sent with more than the 1,000 bytes that the hub announces" in refusal(hub, tmp_path)
    assert bytes_below(tmp_path) < 10_000


def test_a_pull_goes_on_once_the_hub_is_honest_again(hub: hub_server.Hub, tmp_path: Path) -> None:
    hub.longer["model.onnx"] = 1
    refusal(hub, tmp_path)
    hub.longer.clear()
    pulled = pull(MANIFEST, tmp_path / "model", hub=Hub(endpoint=hub.url), providers=["cpu"])
    assert "model.onnx" in pulled.fetched
    assert read_lock(tmp_path / "model") == pulled.lock


ODD: dict[str, Any] = {
    "a hash that is a path": {"blobId": "../../../../etc/x"},
    "a hash that is no text": {"blobId": 7},
    "a hash of another length": {"blobId": "0123"},
    "a hash with a line end": {"blobId": "0" * 40 + "\n"},
    "no hash": {"blobId": None},
    "large-file storage without a hash": {"lfs": {"size": 3}},
    "large-file storage with an odd hash": {"lfs": {"sha256": "\x1b[31m", "size": 3, "pointerSize": 1}},
    "a negative size": {"size": -1},
    "a size that is no number": {"size": "many"},
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD.keys())
def test_odd_metadata_of_a_file_is_one_sentence(hub: hub_server.Hub, tmp_path: Path, change: dict[str, Any]) -> None:
    told = hub.information()
    for sibling in told["siblings"]:
        sibling.update(change)
    hub.answer = json.dumps(told).encode()
    refusal(hub, tmp_path)


ANSWERS: dict[str, bytes] = {
    "JSON nested too deeply": b'{"siblings":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "no JSON": b"<html>",
    "no object": b"[]",
    "no text": b"\xff\xfe\x00",
    "nothing": b"",
    "no files": b'{"id": "someone/tiny", "sha": "%s"}' % hub_server.COMMIT.encode(),
    "no commit": b'{"id": "someone/tiny", "siblings": []}',
    "a commit that is a path": b'{"id": "someone/tiny", "sha": "../../x", "siblings": []}',
    "a commit that is no text": b'{"id": "someone/tiny", "sha": {"a": 1}, "siblings": []}',
    "files that are none": b'{"id": "someone/tiny", "sha": "%s", "siblings": [1, {"a": 2}]}'
    % hub_server.COMMIT.encode(),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_an_odd_answer_is_one_sentence(hub: hub_server.Hub, tmp_path: Path, answer: bytes) -> None:
    hub.answer = answer
    refusal(hub, tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of the size of files")
def test_a_limit_of_the_size_of_files_is_one_sentence(hub: hub_server.Hub, tmp_path: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    hub.files["model.onnx"] = bytes(100_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        sentence = refusal(hub, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in sentence


@pytest.mark.parametrize("content", [b"\xff", b"[" * 100_000, b"{}", b'{"files": {"a": {"size": 1}}}'])
def test_a_lock_that_is_none_means_that_nothing_was_pulled(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LOCK_FILE).write_bytes(content)
    assert read_lock(tmp_path) is None
