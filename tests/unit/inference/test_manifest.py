"""Manifests: those that ship, invalid ones, and which one a name means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qmd_mcp.errors import ManifestError, ModelMissingError
from qmd_mcp.inference.hub.catalogue import Catalogue, models_folder
from qmd_mcp.inference.hub.local_model import identity_of
from qmd_mcp.inference.hub.manifest import EmbedderManifest
from qmd_mcp.inference.hub.pull_lock import Lock, LockedFile
from tests import tiny_embedder

SHIPPED = models_folder()


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    (tmp_path / "own").mkdir()
    return Catalogue(cache=tmp_path / "cache", own=tmp_path / "own", shipped=SHIPPED)


def pulled(catalogue: Catalogue, name: str, *, commit: str = "c" * 40) -> None:
    """Write the files that a pull for the CPU leaves."""
    for model in catalogue.models(name):
        for path in (*model.manifest.graph_for("cpu").files, "tokenizer.json"):
            (model.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (model.folder / path).write_bytes(b"")
        files = {"tokenizer.json": LockedFile(size=0)}
        Lock(repository="a/b", revision="main", commit=commit, files=files).write(model.folder)


def test_the_profiles_that_ship_fit(catalogue: Catalogue) -> None:
    roles = {name: tuple(catalogue.profile(name).models) for name in catalogue.names()}
    assert roles == {
        "bge-small": ("embedder",),
        "gemma": ("embedder",),
        "mini": ("embedder",),
        "qwen3": ("embedder", "expander", "reranker"),
    }
    assert all(manifest.licence for profile in catalogue.profiles() for manifest in profile.models.values())


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"pooling": "max"}, r"own/bad\.toml does not fit: embedder\.pooling = 'max': Input should be 'mean', 'cls'"),
        ({"colour": "red"}, r"embedder\.colour = 'red': Extra inputs are not permitted"),
        ({"dimension": 0}, r"embedder\.dimension = 0: .*greater than or equal to 1"),
        ({"query_prompt": "query: "}, r"embedder\.query_prompt = 'query: ': must contain \{text\}"),
        ({"repository": "a/b"}, "embedder: exactly one of repository and folder"),
        ({"repository": "https://a/b", "folder": None}, r"embedder\.repository = 'https://a/b'"),
        ({"revision": None}, "embedder: a model in a folder needs a revision"),
        ({"files": {}}, r"embedder\.files: Dictionary should have at least 1 item"),
        (
            {"files": {"cpu": {"graph": "../../etc/passwd", "format": "int8", "batch_invariant": True}}},
            r"embedder\.files\.cpu\.graph = '\.\./\.\./etc/passwd': must be a relative path",
        ),
        (
            {"files": {"cpu": {"graph": "a.onnx", "format": "int4", "batch_invariant": True}}},
            r"embedder\.files\.cpu\.format = 'int4': Input should be 'int8'",
        ),
        (
            {"files": {"tpu": {"graph": "a.onnx", "format": "int8", "batch_invariant": True}}},
            r"embedder\.files\.tpu",
        ),
    ],
)
def test_a_manifest_that_does_not_fit_names_file_key_and_value(
    catalogue: Catalogue, changed: dict[str, Any], sentence: str
) -> None:
    table = {key: value for key, value in tiny_embedder.manifest(**changed).items() if value is not None}
    tiny_embedder.write_table(catalogue.own / "bad.toml", table)
    with pytest.raises(ManifestError, match=sentence):
        catalogue.profile("bad")


def test_a_manifest_that_is_not_toml_is_named(catalogue: Catalogue) -> None:
    (catalogue.own / "bad.toml").write_text("[embedder\n")
    with pytest.raises(ManifestError, match=r"own/bad\.toml is not TOML"):
        catalogue.profile("bad")


def test_a_users_own_manifest_stands_before_one_that_ships(catalogue: Catalogue) -> None:
    tiny_embedder.write_manifest(catalogue.own / "mini.toml", model="mine")
    assert catalogue.embedder("mini").manifest.model == "mine"


def test_a_folder_is_a_model_by_its_manifest(catalogue: Catalogue, tmp_path: Path) -> None:
    folder = tiny_embedder.write_model(tmp_path / "tiny")
    model = catalogue.embedder(str(folder))
    assert (model.name, model.folder, model.missing("cpu")) == (str(folder), folder, None)
    with pytest.raises(ManifestError, match=r"empty/manifest\.toml cannot be read"):
        catalogue.embedder(str(tmp_path / "empty"))


def test_a_name_that_came_with_an_index_leads_to_no_folder(catalogue: Catalogue, tmp_path: Path) -> None:
    folder = tiny_embedder.write_model(tmp_path / "tiny")
    with pytest.raises(ManifestError, match=f"If the folder is yours, set QMD_EMBEDDER={folder}"):
        catalogue.embedder(str(folder), folders=False)
    assert catalogue.embedder("mini", folders=False).name == "mini"


def test_what_there_is_not_is_answered_with_what_there_is(catalogue: Catalogue) -> None:
    with pytest.raises(ManifestError, match="no model profile 'nonsense'; there is bge-small, gemma, mini, qwen3"):
        catalogue.embedder("nonsense")
    with pytest.raises(ManifestError, match="'gemma' has no reranker; it has embedder"):
        catalogue.reranker("gemma", providers=["cpu"])
    with pytest.raises(ManifestError, match="'qwen3' has no 'chef'; it has embedder, expander, reranker"):
        catalogue.models("qwen3/chef")


def test_the_best_pulled_profile_is_taken_unless_one_is_named(catalogue: Catalogue) -> None:
    assert catalogue.reranker("auto", providers=["cuda", "cpu"]) is None
    pulled(catalogue, "qwen3/reranker")
    tiny_embedder.write_manifest(
        catalogue.own / "other.toml", role="reranker", template="pair", max_tokens=64, dimension=None, pooling=None
    )
    (catalogue.own / "model.onnx").write_bytes(b"")
    (catalogue.own / "tokenizer.json").write_bytes(b"")
    chosen = catalogue.reranker("auto", providers=["cuda", "cpu"])
    assert chosen is not None
    assert (chosen.name, chosen.manifest.template) == ("qwen3", "qwen3")
    named = catalogue.reranker("other", providers=["cpu"])
    assert named is not None
    assert named.manifest.model == "tiny"
    assert catalogue.reranker("off", providers=["cpu"]) is None
    assert catalogue.expander("auto", providers=["cpu"]) is None


def test_without_a_lock_there_is_no_model(catalogue: Catalogue) -> None:
    (model,) = catalogue.models("qwen3/embedder")
    for path in (*model.manifest.graph_for("cpu").files, "tokenizer.json"):
        (model.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (model.folder / path).write_bytes(b"")
    with pytest.raises(ModelMissingError, match="Run: qmd-mcp models pull qwen3"):
        model.require("cpu")


def test_the_identity_is_of_what_decides_vectors_and_not_of_the_machine(catalogue: Catalogue) -> None:
    pulled(catalogue, "qwen3/embedder")
    model = catalogue.embedder("qwen3")
    first = identity_of(model)
    assert identity_of(model) == first
    pulled(catalogue, "qwen3/embedder", commit="d" * 40)
    assert identity_of(model) != first
    with pytest.raises(ModelMissingError, match="models pull gemma"):
        identity_of(catalogue.embedder("gemma"))
    plain = EmbedderManifest.model_validate(tiny_embedder.manifest())
    assert plain.identity() == plain.model_copy(update={"licence": "MIT", "scripts": ("Latn",)}).identity()
    for change in ({"revision": "2"}, {"query_prompt": "q {text}"}, {"pooling": "cls"}, {"max_tokens": 32}):
        assert plain.identity() != plain.model_copy(update=change).identity()
