"""The profile with all three models, from the hub to an answer; only the graphs are small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests import hub_server, tiny_embedder
from tests.e2e.http_server import HttpServer, Reply, http_server
from tests.hub_server import Hub
from tests.tiny_encoders import chat_tokenizer, encoder
from tests.tiny_talker import write_talker

pytestmark = pytest.mark.endurance

CROWD = 100

NOTES = {
    "failover.md": "# Failover\n\nPromote the standby when the first is gone.\n",
    "soup.md": "# Soup\n\nSimmer the lentils in the river of soup.\n",
    "ships.md": "# Ships\n\nSubmarines and zeppelins and ships.\n",
}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def repositories(folder: Path) -> tuple[Hub, ...]:
    """Make the files that the manifest names, each with a small graph of the same contract."""
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


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("qwen3")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QMD_", "HF_"))}
    folders = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("DATA", "CONFIG", "CACHE")}
    roles = {f"QMD_{role}": "qwen3" for role in ("EMBEDDER", "EXPANDER", "RERANKER")}
    return {
        **kept,
        **folders,
        **roles,
        "QMD_DEVICE": "cpu",
        "QMD_STRUCTURED": "always",
        "QMD_INDEX": str(folder / "index"),
    }


@pytest.fixture(scope="module")
def pulled(environment: dict[str, str]) -> str:
    """Pull the models, index the notes, and return what the pull printed."""
    folder = Path(environment["QMD_INDEX"]).parent

    def run(*arguments: str, hub: dict[str, str]) -> str:
        return subprocess.run(
            [sys.executable, "-m", "qmd_mcp", *arguments],
            cwd=folder,
            env={**environment, **hub},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    with hub_server.serving(*repositories(folder / "hub")) as hub:
        said = run("models", "pull", "qwen3", hub={"HF_ENDPOINT": hub.url})
    (folder / "notes").mkdir()
    for name, text in NOTES.items():
        (folder / "notes" / name).write_text(text)
    run("collection", "add", str(folder / "notes"), "--name", "notes", hub={"HF_HUB_OFFLINE": "1"})
    return said


@pytest.mark.anyio
async def test_all_three_models_are_pulled_and_answer(environment: dict[str, str], pulled: str) -> None:
    assert [line.split()[0] for line in pulled.splitlines()] == ["qwen3/embedder", "qwen3/expander", "qwen3/reranker"]
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "qmd_mcp", "serve", "--no-forward"], env=environment
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


@pytest.mark.usefixtures("pulled")
def test_a_hundred_queries_at_once_are_all_answered_by_merged_forwards(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with http_server("real", Path(environment["QMD_INDEX"])) as server, ThreadPoolExecutor(CROWD) as crowd:

        def ask(number: int) -> Reply:
            return server.post("/query", {"query": f"what flies above the river {number}", "limit": 3})

        def resident() -> float:
            return figure(server, "qmd_resident_bytes") / 2**20

        replies = [reply for _ in range(2) for reply in crowd.map(ask, range(CROWD))]
        warm = resident()
        replies += [reply for _ in range(3) for reply in crowd.map(ask, range(CROWD))]
        grown = resident() - warm
        size = figure(server, 'qmd_model_batch_size{role="reranker"}')
    print(f"reranker: {size:.1f} pairs in a forward; memory {warm:.0f} MiB, {grown:+.0f} after 300 more")  # noqa: T201  seen with -s
    assert {reply.status for reply in replies} == {200}
    stages = [stage for reply in replies for stage in reply.json["stages"] if stage["name"] in {"expand", "rerank"}]
    assert all(stage["ran"] for stage in stages), [stage for stage in stages if not stage["ran"]][:1]
    assert len(stages) == 2 * len(replies)
    assert size > 2 * len(NOTES), "no two callers' candidates met in a forward"
    assert grown < 0.25 * warm, "memory is not flat"


def figure(server: HttpServer, name: str) -> float:
    (value,) = (line.rsplit(" ", 1)[1] for line in server.get("/metrics").text.splitlines() if line.startswith(name))
    return float(value)


async def called(client: Client, query: str, **options: object) -> dict[str, Any]:
    result = await client.call_tool("query", {"query": query, "options": options})
    assert not result.is_error, json.dumps(result.content, default=str)
    found: dict[str, Any] = result.structured_content
    return found
