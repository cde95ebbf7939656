"""What other users of the machine see of an index: nothing."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from shutil import rmtree

import pytest

from qmd_mcp.inference.hub.hub_client import Hub
from qmd_mcp.inference.hub.manifest import EmbedderManifest
from qmd_mcp.inference.hub.pulling import pull
from qmd_mcp.settings import PROJECT_FOLDER
from tests import hub_server
from tests.security.index.planting import Person, as_stranger, command, two_users, write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")


@pytest.fixture
def place() -> Generator[Path]:
    """A folder that everybody can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    rmtree(folder)


@pytest.fixture
def person(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Person:
    return Person(place / "home", monkeypatch, capsys)


def wide(folder: Path) -> list[str]:
    """Every file and folder below one that somebody else may do anything with."""
    everything = (folder, *folder.rglob("*"))
    return sorted(str(path) for path in everything if stat.S_IMODE(path.lstat().st_mode) & 0o077)


def test_whatever_is_written_is_for_its_owner_alone_whatever_the_umask(person: Person, place: Path) -> None:
    project = write(place / "project", {"docs/plan.md": "# Plan\n\nThe merger.\n"})
    before = os.umask(0)
    try:
        assert person("init", cwd=project).code == 0
        assert wide(project / PROJECT_FOLDER)[:1] != [str(project / PROJECT_FOLDER)]
    finally:
        os.umask(before)
    ended = command("collection", "add", "docs", home=person.home, cwd=project, umask=0)
    assert ended.code == 0, ended.err
    assert wide(project / PROJECT_FOLDER) == []
    assert wide(person.home / "config") == []


def test_a_pulled_model_is_for_its_owner_alone_whatever_the_umask(place: Path) -> None:
    content = {"tokenizer.json": b"{}", "model.onnx": b"graph", "onnx/other.onnx": b"graph"}
    manifest = EmbedderManifest.model_validate(
        {
            "model": "tiny",
            "licence": "Apache-2.0",
            "repository": "someone/tiny",
            "dimension": 8,
            "max_tokens": 32,
            "pooling": "mean",
            "files": {
                name: {"graph": graph, "format": "fp32", "batch_invariant": True}
                for name, graph in (("cpu", "model.onnx"), ("cuda", "onnx/other.onnx"))
            },
        }
    )
    before = os.umask(0)
    try:
        with hub_server.serving(hub_server.Hub("someone/tiny", content)) as hub:
            pull(manifest, place / "models" / "tiny", hub=Hub(endpoint=hub.url), providers=["cpu", "cuda"])
    finally:
        os.umask(before)
    assert (place / "models" / "tiny" / "onnx" / "other.onnx").read_bytes() == b"graph"
    assert wide(place / "models") == []


@two_users
def test_a_wider_index_of_before_is_closed_to_others_when_it_is_opened(person: Person, place: Path) -> None:
    project = write(place / "project", {"docs/plan.md": "# Plan\n\nThe merger.\n"})
    index = place / "index"
    assert person("--index", str(index), "collection", "add", "docs", "--no-embed", cwd=project).code == 0
    for path in (index, *index.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    with as_stranger():
        assert "merger" in person("--index", str(index), "search", "merger", cwd=place).out
    assert person("--index", str(index), "search", "merger", cwd=place).code == 0
    assert wide(index) == []
    with as_stranger():
        peeked = person("--index", str(index), "search", "merger", cwd=place)
    assert (peeked.code, "merger" in peeked.out) == (1, False)
    assert peeked.says("is not used"), peeked.err
