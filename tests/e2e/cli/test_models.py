"""The commands for models and for checking an installation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qmd_mcp.cli import run
from qmd_mcp.inference.runtime.tokenizer import read_tokenizer
from tests import hub_server, tiny_embedder, tiny_encoders
from tests.tiny_talker import write_talker


@dataclass(frozen=True, slots=True)
class Ended:
    """The output and exit code of a command."""

    code: int
    stdout: str
    stderr: str

    @property
    def answer(self) -> Any:
        return json.loads(self.stdout)


class Terminal:
    """Runs commands in this process."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: str) -> Ended:
        self._capture.readouterr()
        code = run(arguments)
        written = self._capture.readouterr()
        return Ended(code, written.out, written.err)


@pytest.fixture
def qmd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    for name in [name for name in os.environ if name.startswith(("QMD_", "HF_"))]:
        monkeypatch.delenv(name)
    for name in ("DATA", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)
    return Terminal(capsys)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Write manifests of the user's own, one of them for a model on the hub."""
    folder = tmp_path / "config" / "qmd-mcp" / "models"
    folder.mkdir(parents=True)
    tiny_embedder.write_manifest(folder / "mine.toml", repository="someone/tiny", folder=None, revision=None)
    return folder


def pull(arguments: Sequence[str], *, endpoint: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, because the hub's library reads its environment when it is imported."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "qmd_mcp", "models", "pull", *arguments],
        env={**os.environ, "HF_ENDPOINT": endpoint},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_life_of_a_model_of_ones_own(qmd: Terminal, own: Path, tmp_path: Path) -> None:
    source = tiny_embedder.write_model(tmp_path / "source")
    files = {name: (source / name).read_bytes() for name in ("model.onnx", "tokenizer.json", "tokenizer_config.json")}
    with hub_server.serving(hub_server.Hub("someone/tiny", files)) as hub:
        ended = pull(["mine"], endpoint=hub.url)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert {path for _, path, _ in hub.requests} == set(files), "nothing else is told or asked"
    assert ended.stdout.startswith("mine/embedder  someone/tiny at 0123456789ab: 3 files fetched, 0.0 MB (Apache-2.0)")
    (row,) = [row for row in qmd("models", "list", "--json").answer if row["name"] == "mine"]
    assert row["state"] == "pulled for cpu at 0123456789ab"
    assert qmd("models", "verify", "mine").stdout == "mine/embedder  3 files as on the hub\n"
    graph = Path(row["folder"]) / "model.onnx"
    graph.write_bytes(b"x" + graph.read_bytes()[1:])
    damaged = qmd("models", "verify")
    assert (damaged.code, "model.onnx has another hash than the hub's" in damaged.stdout) == (1, True)
    assert "Run: qmd-mcp models pull mine/embedder" in damaged.stderr
    assert qmd("models", "remove", "mine").stdout == "mine/embedder  removed\n"
    assert list(graph.parent.parent.iterdir()) == []
    assert qmd("models", "remove", "mine", "mini").stdout == (
        "mine/embedder  was not pulled\nmini/embedder  stays: it comes with the program or is in a folder of yours\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["pull"], 2, "name at least one"),
        (["pull", "qwen3", "--device", "tpu"], 2, "'tpu' is not one of cpu, cuda, all"),
        (["pull", "nonsense"], 1, "There is no model profile 'nonsense'"),
        (["pull", "qwen3/chef"], 1, "has no 'chef'"),
        (["pull", "mini"], 0, "Nothing to pull"),
    ],
)
def test_each_mistake_about_models_is_one_sentence(
    qmd: Terminal, arguments: list[str], code: int, sentence: str
) -> None:
    ended = qmd("models", *arguments)
    assert (ended.code, sentence in " ".join((ended.stdout + ended.stderr).split())) == (code, True)
    assert "Traceback" not in ended.stderr


def test_the_doctor_finds_what_ships_in_order(qmd: Terminal) -> None:
    ended = qmd("doctor", "--json")
    report = ended.answer
    assert (ended.code, report["holds"], report["problems"]) == (0, True, [])
    (embedder,) = report["models"]
    assert (embedder["role"], embedder["name"], embedder["provider"]) == ("embedder", "mini", "cpu")
    assert embedder["placement"].startswith("int8, 94 nodes (37 compute) on CPU")
    assert embedder["contract"] == "384-d states of each token, mean pooling, at most 256 tokens"
    assert embedder["load_ms"] > 0
    assert embedder["probe_ms"] > 0
    assert report["notes"] == ["expander: none (auto)", "reranker: none (auto)"]
    assert {library["package"] for library in report["environment"]["cuda"]["libraries"]} >= {"driver", "nvidia-cudnn"}
    assert "Everything that is asked for can be used." in qmd("doctor").stdout


def test_the_doctor_says_what_does_not_hold_and_its_mend(
    qmd: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = str(tmp_path / "index")
    assert "there is no such folder" in qmd("--index", index, "doctor").stdout
    (tmp_path / "empty").mkdir()
    assert qmd("--index", index, "collection", "add", str(tmp_path / "empty")).code == 0
    assert "made by mini, 384-d" in qmd("--index", index, "doctor").stdout
    monkeypatch.setenv("QMD_EMBEDDER", str(tiny_embedder.write_model(tmp_path / "tiny")))
    monkeypatch.setenv("QMD_RERANKER", "qwen3")
    monkeypatch.setenv("QMD_EXPANDER", "off")
    ended = qmd("--index", index, "doctor", "--json")
    assert ended.code == 1
    other_embedder, no_reranker = ended.answer["problems"]
    assert f"update --embedder {tmp_path / 'tiny'}" in other_embedder
    assert "it has not been pulled. Run: qmd-mcp models pull qwen3/reranker" in no_reranker
    assert ended.answer["notes"] == ["expander: none (off)"]
    assert "PROBLEM     index: " in qmd("--index", index, "doctor").stdout


def test_the_doctor_uses_every_role_once(qmd: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = {"dimension": None, "pooling": None, "max_tokens": None}
    (tmp_path / "talker").mkdir()
    talker = write_talker(tmp_path / "talker", ["lex: standby", "vec: what takes over", "hyde: another machine does"])
    words = read_tokenizer(talker).get_vocab_size()
    tiny_embedder.write_manifest(talker / "manifest.toml", role="expander", template="qmd", **shared)
    judge = tmp_path / "judge"
    judge.mkdir()
    tokenizer = tiny_encoders.bert_tokenizer()
    tokenizer.save(str(judge / "tokenizer.json"))
    graph = tiny_encoders.encoder("classifier", vocabulary=tokenizer.get_vocab_size())
    (judge / "model.onnx").write_bytes(graph)
    limits = {**shared, "max_tokens": 128}
    tiny_embedder.write_manifest(judge / "manifest.toml", role="reranker", template="pair", **limits)
    monkeypatch.setenv("QMD_EXPANDER", str(talker))
    monkeypatch.setenv("QMD_RERANKER", str(judge))
    ended = qmd("doctor", "--json")
    assert (ended.code, ended.answer["problems"]) == (0, [])
    assert [(each["role"], each["probe_ms"] > 0) for each in ended.answer["models"]] == [
        ("embedder", True),
        ("expander", True),
        ("reranker", True),
    ]
    assert [each["contract"] for each in ended.answer["models"][1:]] == [
        f"causal LM, 1 layers of 1 heads of 1, float32 cache that grows, {words} words",
        "classifier, 1 label",
    ]
    assert "classifier, 1 label; loaded in" in qmd("doctor").stdout
    (judge / "model.onnx").write_bytes(tiny_encoders.encoder("embedder", vocabulary=tokenizer.get_vocab_size()))
    refused = qmd("doctor", "--json")
    assert refused.code == 1
    (problem,) = refused.answer["problems"]
    assert "last_hidden_state" in problem


def test_two_runtimes_in_one_environment_are_a_conflict() -> None:
    from qmd_mcp.inference.runtime.cuda import Cuda
    from qmd_mcp.inference.runtime.environment import Environment

    cuda = Cuda(built=True, version="13.0", libraries=(), gpus=())
    both = Environment((), ("onnxruntime 1.31.1", "onnxruntime-gpu 1.31.1"), cuda)
    (conflict,) = both.problems(device="auto")
    assert "overwrite each other's files" in conflict
    assert conflict.endswith("pip install --force-reinstall onnxruntime-gpu")
    assert "no NVIDIA GPU answers" in both.problems(device="cuda")[1]
