"""The models of a process: what the settings choose, and the state of each."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from qmd_mcp.application.model_roles import Models, open_models
from qmd_mcp.domain.availability import Absent
from qmd_mcp.domain.index_status import ModelStatus
from qmd_mcp.errors import ModelMissingError
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.inference.runtime.cuda import Cuda
from qmd_mcp.inference.runtime.session import SessionFactory
from qmd_mcp.settings import Settings
from tests import tiny_embedder, tiny_encoders

pytestmark = pytest.mark.anyio


def write_judge(folder: Path) -> Path:
    """Make the folder of a reranker."""
    folder.mkdir()
    tokenizer = tiny_encoders.bert_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    graph = tiny_encoders.encoder("classifier", vocabulary=tokenizer.get_vocab_size())
    (folder / "model.onnx").write_bytes(graph)
    table = {"dimension": None, "pooling": None, "max_tokens": 64}
    tiny_embedder.write_manifest(folder / "manifest.toml", role="reranker", template="pair", **table)
    return folder


def reranker_of(models: Models) -> ModelStatus:
    (status,) = (each for each in models.statuses() if each.role == "reranker")
    return status


async def test_cuda_is_looked_for_beside_the_event_loop() -> None:
    """Loading CUDA's libraries and asking for GPUs takes long, and a server answers other callers meanwhile."""
    threads: list[int] = []

    def find_no_cuda() -> Cuda:
        threads.append(threading.get_ident())
        return Cuda(built=False, version="", libraries=(), gpus=())

    sessions = SessionFactory(cuda=find_no_cuda)
    async with open_models(Settings(), user_catalogue().embedder("mini"), sessions=sessions):
        assert threads
        assert threading.get_ident() not in threads


async def test_a_model_is_absent_then_unloaded_then_ready_and_says_where_it_runs(tmp_path: Path) -> None:
    folder = write_judge(tmp_path / "judge")
    graph = folder / "model.onnx"
    content = graph.read_bytes()
    graph.unlink()
    settings = Settings(reranker=str(folder), expander="off", device="cpu", idle_unload_seconds=0)
    async with open_models(settings, user_catalogue().embedder("mini")) as models:
        assert models.expander == Absent("the setting expander is off")
        assert reranker_of(models) == ModelStatus("reranker", "tiny", state="absent", provider=None, detail=None)
        assert not isinstance(models.reranker, Absent)
        with pytest.raises(ModelMissingError, match=r"model\.onnx is missing\. Look into"):
            await models.reranker.score("fail over", ["promote the standby"], intent=None)
        graph.write_bytes(content)
        assert reranker_of(models).state == "unloaded"
        await models.reranker.score("fail over", ["promote the standby"], intent=None)
        ready = reranker_of(models)
        assert (ready.state, ready.provider) == ("ready", "CPUExecutionProvider")
        assert (ready.detail or "").startswith("fp32; ")
        assert {each.state for each in models.statuses() if each.role == "embedder"} == {"unloaded"}
