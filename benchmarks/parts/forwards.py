"""Time one model in a process of its own: loading it and its forward passes; prints JSON for `benchmarks.inference`.

Rerankers are timed through the product's `Reranker`, over random tokens. Of the embedder only the graph is timed,
without tokenization and pooling.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.processors import TemplateProcessing

from benchmarks.parts.machine import memory
from qmd_mcp.inference.hub.manifest import GraphFile, RerankerManifest
from qmd_mcp.inference.reranking.pair_template import Pair
from qmd_mcp.inference.reranking.reranker import Reranker
from qmd_mcp.inference.runtime.session import cores, open_session

PROVIDERS: Mapping[str, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
SHORT = 5.0
"""Seconds; a batch that takes less is timed REPEATS times."""
REPEATS = 3
MATRIX_REPEATS = 8
"""Runs of which the best is the floor: on a busy machine the best of 3 was 128 GFLOP/s, the best of 8 was 168."""
PAD = "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class Cell:
    """A batch: this number of sequences with this number of tokens each."""

    rows: int
    tokens: int


@dataclass(slots=True)
class Timing:
    """The measurements of one model on one provider."""

    load_seconds: float = 0.0
    loaded_mib: int = 0
    """Resident memory that loading the model added."""
    peak_mib: int = 0
    forwards: dict[str, int] = field(default_factory=dict[str, int])
    """By cell, the number of forward passes that the product makes of it."""
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    """By cell; a missing one would have taken too long."""
    busy: dict[str, float] = field(default_factory=dict[str, float])
    """By cell, CPU seconds over the number of cores: the time that it would take if nothing else ran."""


def key(cell: Cell) -> str:
    """The name of a cell in the JSON."""
    return f"{cell.rows} x {cell.tokens}"


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.parts.forwards", description=__doc__)
    parser.add_argument("model", choices=("classifier", "causal", "embedder", "matrix"))
    parser.add_argument("path", type=Path, help="the graph; for matrix the precision, fp32, fp16 or int8")
    parser.add_argument("--provider", choices=PROVIDERS, default="cpu")
    parser.add_argument("--cells", nargs="*", default=[], metavar="ROWSxTOKENS")
    parser.add_argument("--longest", type=float, default=60.0, metavar="SECONDS")
    options = parser.parse_args(arguments)
    if options.model == "matrix":
        print(json.dumps({"operations_per_second": matrix_rate(str(options.path), provider=options.provider)}))
        return
    cells = [Cell(*map(int, text.split("x"))) for text in options.cells]
    timing = measure(options.model, options.path, provider=options.provider, cells=cells, longest=options.longest)
    print(json.dumps(asdict(timing)))


def measure(model: str, path: Path, *, provider: str, cells: Sequence[Cell], longest: float) -> Timing:
    """Load the model, then time the cells from the smallest on, leaving out those that would take too long."""
    timing = Timing()
    before = memory()
    start = perf_counter()
    session = open_on(path, provider=provider)
    compute = embedding(session) if model == "embedder" else reranking(session, model, timing)
    timing.load_seconds = perf_counter() - start
    timing.loaded_mib = (memory() - before) // 2**20
    compute(Cell(1, 32))  # the first forward pass chooses kernels and takes memory
    pace = 0.0  # seconds for one token
    for cell in sorted(cells, key=lambda each: each.rows * each.tokens):
        if pace * cell.rows * cell.tokens > longest:
            continue
        times = [seconds(compute, cell)]
        while len(times) < REPEATS and times[0][0] < SHORT:
            times.append(seconds(compute, cell))
        timing.seconds[key(cell)] = median(wall for wall, _ in times)
        timing.busy[key(cell)] = median(busy for _, busy in times)
        pace = timing.seconds[key(cell)] / (cell.rows * cell.tokens)
    timing.peak_mib = memory("VmHWM") // 2**20
    return timing


def reranking(session: ort.InferenceSession, model: str, timing: Timing) -> Callable[[Cell], None]:
    """The product's reranker over pairs of random tokens."""
    tokenizer = Tokenizer(WordLevel({PAD: 0, "yes": 1, "no": 2, "a": 3}, unk_token="a"))  # noqa: S106  no password
    tokenizer.post_processor = TemplateProcessing(single="$A", pair=f"$A {PAD} $B", special_tokens=[(PAD, 0)])
    reranker = Reranker(
        session,
        manifest=RerankerManifest(
            model=model,
            licence="none",
            folder=".",
            revision="1",
            files={"cpu": GraphFile(graph="model.onnx", format="fp32", batch_invariant=True)},
            template="pair",
            padding="left",
            max_tokens=8192,
        ),
        tokenizer=tokenizer,
        batch_invariant=True,
    )
    random = np.random.default_rng(0)

    def compute(cell: Cell) -> None:
        ids = random.integers(4, 150_000, (cell.rows, cell.tokens))
        pairs = [Pair(ids=tuple(row), types=(0,) * cell.tokens) for row in ids.tolist()]
        batches = reranker.batches(pairs)
        timing.forwards[key(cell)] = len(batches)
        for batch in batches:
            reranker.forward([pairs[row] for row in batch])

    return compute


def embedding(session: ort.InferenceSession) -> Callable[[Cell], None]:
    """A forward pass of the graph over random tokens."""
    random = np.random.default_rng(0)

    def compute(cell: Cell) -> None:
        ids = random.integers(4, 30_000, (cell.rows, cell.tokens))
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        session.run(None, feeds)

    return compute


def matrix_rate(precision: str, *, provider: str) -> float:
    """Operations per second of products of square matrices, one after another: the floor of every forward pass."""
    size, length = (4096, 16) if provider == "cuda" else (2048, 4)
    random = np.random.default_rng(0)
    nodes, weights = [], []
    if precision == "int8":
        values = random.integers(-50, 50, (size, size)).astype(np.int8)
        weights.append(numpy_helper.from_array(values, "matrix"))
        nodes.append(helper.make_node("Cast", ["factor"], ["bytes"], to=TensorProto.INT8))
        nodes.append(helper.make_node("Mul", ["matrix32", "factor"], ["scaled"]))
        nodes.insert(0, helper.make_node("Cast", ["matrix"], ["matrix32"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Cast", ["scaled"], ["left"], to=TensorProto.UINT8))
        nodes.extend(helper.make_node("MatMulInteger", ["left", "matrix"], [f"product{n}"]) for n in range(length))
        nodes.append(helper.make_node("Max", [f"product{n}" for n in range(length)], ["most"]))
    else:
        kind = np.float16 if precision == "fp16" else np.float32
        weights.append(numpy_helper.from_array((random.standard_normal((size, size)) / size).astype(kind), "matrix"))
        nodes.append(helper.make_node("Cast", ["factor"], ["cast"], to=helper.np_dtype_to_tensor_dtype(np.dtype(kind))))
        nodes.append(helper.make_node("Mul", ["matrix", "cast"], ["product"]))
        for number in range(length):
            left = f"product{number - 1}" if number else "product"
            nodes.append(helper.make_node("MatMul", [left, "matrix"], [f"product{number}"]))
        nodes.append(helper.make_node("Identity", [f"product{length - 1}"], ["most"]))
    nodes.append(helper.make_node("ReduceMax", ["most"], ["result"], keepdims=0))
    kinds = {"fp32": TensorProto.FLOAT, "fp16": TensorProto.FLOAT16, "int8": TensorProto.INT32}
    graph = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info("factor", TensorProto.FLOAT, [])],
        [helper.make_tensor_value_info("result", kinds[precision], [])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    options = session_options()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # else equal products become one
    session = session_on(provider, model.SerializeToString(), options)
    times: list[float] = []
    for number in range(MATRIX_REPEATS):
        start = process_time() if provider == "cpu" else perf_counter()
        session.run(None, {"factor": np.array(1 + number, np.float32)})
        times.append((process_time() - start) / cores() if provider == "cpu" else perf_counter() - start)
    return 2 * size**3 * length / min(times)


def open_on(path: Path, *, provider: str) -> ort.InferenceSession:
    """Open the product's session on the CPU, or a plain one on CUDA."""
    if provider == "cpu":
        return open_session(path, threads=cores())
    return session_on(provider, str(path), session_options())


def session_on(provider: str, model: str | bytes, options: ort.SessionOptions) -> ort.InferenceSession:
    """A session on this provider; the program ends if ONNX Runtime falls back to the CPU."""
    session = ort.InferenceSession(model, options, providers=[PROVIDERS[provider]])
    if session.get_providers()[0] != PROVIDERS[provider]:
        sys.exit(f"{PROVIDERS[provider]} does not work here")
    return session


def session_options() -> ort.SessionOptions:
    """Options of a session that uses all cores and logs only fatal errors."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = cores()
    options.log_severity_level = 4
    return options


def seconds(compute: Callable[[Cell], None], cell: Cell) -> tuple[float, float]:
    """Seconds of one cell on the clock, and CPU seconds over the number of cores."""
    start, busy = perf_counter(), process_time()
    compute(cell)
    return perf_counter() - start, (process_time() - busy) / cores()


if __name__ == "__main__":
    main(sys.argv[1:])
