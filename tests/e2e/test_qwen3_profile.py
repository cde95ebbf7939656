"""The profile with all three models, from the hub to an answer; the graphs are small, everything else is as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests import hub_server, tiny_embedder
from tests.hub_server import Hub
from tests.tiny_decoders import write_talker
from tests.tiny_encoders import chat_tokenizer, encoder

NOTES = {
    "failover.md": "# Failover\n\nPromote the standby when the first is gone.\n",
    "soup.md": "# Soup\n\nSimmer the lentils in the river of soup.\n",
    "ships.md": "# Ships\n\nSubmarines and zeppelins and ships.\n",
}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def repositories(folder: Path) -> tuple[Hub, ...]:
    """What the manifest names, each with a small graph of the same contract."""
    embedder, expander, reranker = (folder / role for role in ("embedder", "expander", "reranker"))
    for each in (embedder / "onnx", expander / "onnx", reranker):
        each.mkdir(parents=True)
    tiny_embedder.write_tokenizer(embedder)
    tiny_embedder.write_graph(embedder / "onnx" / "model_int8.onnx", form="int8", dimension=768)
    write_talker(expander, ["lex: submarines zeppelins", "vec: ships in the river", "hyde: Submarines and zeppelins."])
    (expander / "model.onnx").rename(expander / "onnx" / "model_q4f16.onnx")
    tokenizer = chat_tokenizer()
    tokenizer.save(str(reranker / "tokenizer.json"))
    inputs = ("input_ids", "attention_mask", "position_ids")
    (reranker / "model.onnx").write_bytes(
        encoder("classifier", vocabulary=tokenizer.get_vocab_size(), form="fp16", inputs=inputs)
    )
    return (
        Hub("Xenova/jina-embeddings-v2-base-zh", contents(embedder)),
        Hub("onnx-community/Qwen3-0.6B-ONNX", contents(expander)),
        Hub("zhiqing/Qwen3-Reranker-0.6B-seq-cls-ONNX", contents(reranker)),
    )


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QMD_", "HF_"))}
    folders = {f"XDG_{name}_HOME": str(tmp_path / name.lower()) for name in ("DATA", "CONFIG", "CACHE")}
    return {
        **kept,
        **folders,
        **{f"QMD_{role}": "qwen3" for role in ("EMBEDDER", "EXPANDER", "RERANKER")},
        "QMD_DEVICE": "cpu",
    }


@pytest.fixture
def qmd(environment: dict[str, str], tmp_path: Path) -> Callable[..., str]:
    def run(*arguments: str, endpoint: str | None = None) -> str:
        hub = {"HF_ENDPOINT": endpoint} if endpoint else {"HF_HUB_OFFLINE": "1"}
        return subprocess.run(
            [sys.executable, "-m", "qmd_mcp", *arguments],
            cwd=tmp_path,
            env={**environment, **hub},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    return run


@pytest.mark.anyio
async def test_all_three_models_are_pulled_and_answer(
    qmd: Callable[..., str], environment: dict[str, str], tmp_path: Path
) -> None:
    with hub_server.serving(*repositories(tmp_path / "hub")) as hub:
        pulled = await anyio.to_thread.run_sync(lambda: qmd("models", "pull", "qwen3", endpoint=hub.url))
    assert [line.split()[0] for line in pulled.splitlines()] == ["qwen3/embedder", "qwen3/expander", "qwen3/reranker"]
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, text in NOTES.items():
        (folder / name).write_text(text)
    await anyio.to_thread.run_sync(lambda: qmd("collection", "add", str(folder), "--name", "notes"))
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "qmd_mcp", "serve", "--no-forward"], env=environment, cwd=tmp_path
    )
    async with Client(stdio_client(server)) as client:
        with anyio.fail_after(60):
            answer = await called(client, "what flies above us", explain=True)
            again = await called(client, "what flies above us", expand=False)
        status = (await client.call_tool("status", {})).structured_content
    stages = {stage["name"]: stage for stage in answer["stages"]}
    ran = {name for name, stage in stages.items() if stage["ran"]}
    assert {name for name, stage in stages.items() if not stage["ran"]} == {"late interaction"}
    assert ran >= {"bm25", "embed", "dense", "expand", "sub-queries", "fusion", "rerank"}
    assert {stages[name]["provider"] for name in ("embed", "expand", "rerank")} == {"CPUExecutionProvider"}
    assert sum(stages["rerank"]["batches"]) >= len(answer["hits"]) == len(NOTES)
    assert any(line["line"] == "lex: submarines zeppelins" and line["found"] for line in answer["lines"])
    (ships,) = (hit for hit in answer["hits"] if hit["path"] == "ships.md")
    assert any(line.startswith("lex:") for line in ships["explanation"]["supported_by"])
    assert ships["explanation"]["rerank_logit"] is not None
    assert all(0 <= hit["relevance"] <= 1 for hit in answer["hits"])
    assert not next(stage for stage in again["stages"] if stage["name"] == "expand")["ran"]
    states = {model["role"]: model["state"] for model in status["models"]}
    assert set(states.values()) <= {"ready", "idle"}
    assert set(states) == {"embedder", "expander", "reranker"}


async def called(client: Client, query: str, **options: object) -> dict[str, Any]:
    result = await client.call_tool("query", {"query": query, "options": options})
    assert not result.is_error, json.dumps(result.content, default=str)
    found: dict[str, Any] = result.structured_content
    return found
