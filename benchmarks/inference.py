"""Forward passes of the large models: loading, memory and rates for each provider, compared with their floor.

The graphs are those of `models/training/synthetic/synthetic.py`: full size, random weights, the real formats. The floor
of a forward pass is its number of operations over the machine's measured rate of plain matrix products in ONNX Runtime
(FP32 where the CPU has no faster form, INT8 for INT8). On the CPU both sides of that ratio are CPU seconds, so other
work on the machine does not distort it. Each model runs in a process of its own. `--decoder` measures generation.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.parts.forwards import Cell, Timing, key
from benchmarks.parts.machine import headed, provenance

LAYERS, HIDDEN, QUERIES, KEYS, INTERMEDIATE, VOCABULARY = 28, 1024, 2048, 1024, 3072, 151_669
"""The sizes of Qwen3-0.6B; QUERIES and KEYS are the widths of all heads together."""
BERT_LAYERS, BERT_HIDDEN, BERT_INTERMEDIATE = 12, 768, 3072
PAIRS = tuple(Cell(rows, tokens) for tokens in (128, 256, 512) for rows in (10, 40))
FEW = (Cell(10, 128), Cell(10, 256))
PASSAGES = (Cell(4, 128), Cell(4, 256), Cell(16, 256))
DOCUMENTS = Cell(10, 256)
"""The batch over which the classifier and the causal reranker are compared."""
NO_GPU = "no GPU was at hand"


@dataclass(frozen=True, slots=True)
class Case:
    """A model in one form on one provider."""

    model: str
    precision: str
    provider: str
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """The name of its row in the tables."""
        return f"{self.model} {self.precision.upper()}, {self.provider.upper()}"

    @property
    def matrix(self) -> str:
        """The precision of the matrix products that are its floor: CPUs compute FP16 in FP32."""
        return "fp32" if self.provider == "cpu" and self.precision == "fp16" else self.precision


CASES = (
    Case("classifier", "fp32", "cpu", PAIRS),
    Case("classifier", "fp16", "cpu", FEW[:1]),
    Case("causal", "fp32", "cpu", FEW),
    Case("embedder", "int8", "cpu", PASSAGES),
    Case("embedder", "fp16", "cpu", PASSAGES),
    Case("embedder", "fp32", "cpu", PASSAGES),
    Case("classifier", "fp32", "cuda", PAIRS),
    Case("classifier", "fp16", "cuda", PAIRS),
    Case("causal", "fp32", "cuda", FEW),
    Case("causal", "fp16", "cuda", FEW),
    Case("embedder", "int8", "cuda", PASSAGES),
    Case("embedder", "fp16", "cuda", PASSAGES),
)


def main(arguments: Sequence[str]) -> None:
    """Measure and print the tables."""
    if "--decoder" in arguments:
        from benchmarks import decoding

        decoding.main([argument for argument in arguments if argument != "--decoder"])
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__)
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="keep the graphs there, 2.4 GB each")
    parser.add_argument("--only", nargs="*", choices=("classifier", "causal", "embedder"), default=None)
    parser.add_argument(
        "--longest",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="longer batches are left out",
    )
    parser.add_argument("--decoder", action="store_true", help="measure generation instead, by benchmarks.decoding")
    options = parser.parse_args(arguments)
    cases = [case for case in CASES if options.only is None or case.model in options.only]
    cuda = cuda_works()
    measured: dict[Case, Timing | None] = {}
    for case in cases:
        if case.provider == "cpu" or cuda:
            with graph(case, kept=options.models) as path:
                measured[case] = timed(case, path, longest=options.longest)
        else:
            measured[case] = None
        print(f"{case.name}: {measured[case]}", file=sys.stderr)
    rates = {
        (case.provider, case.matrix): matrix_rate(case.matrix, provider=case.provider)
        for case, timing in measured.items()
        if timing is not None
    }
    origin = provenance("benchmarks.inference", arguments)
    print(headed(origin, sessions_table(measured)))
    for unit, models in (("pairs/s", ("classifier", "causal")), ("passages/s", ("embedder",))):
        chosen = {case: timing for case, timing in measured.items() if case.model in models}
        if chosen:
            print(f"\n{written(rates_table(chosen, rates=rates, unit=unit))}")
    print(f"\n{written(comparison(measured))}")
    listed = ", ".join(f"{form.upper()} on {where.upper()} {rate / 1e9:,.0f}" for (where, form), rate in rates.items())
    print(f"\nMatrix products, 10⁹ operations a second: {listed}.")


def sessions_table(measured: Mapping[Case, Timing | None]) -> list[list[str]]:
    """The table of loading times and memory."""
    table = [["model", "load s", "memory loaded MiB", "peak MiB"]]
    for case, timing in measured.items():
        if timing is None:
            table.append([case.name, NO_GPU, "", ""])
        else:
            table.append([case.name, f"{timing.load_seconds:.1f}", f"{timing.loaded_mib:,}", f"{timing.peak_mib:,}"])
    return table


def rates_table(
    measured: Mapping[Case, Timing | None], *, rates: Mapping[tuple[str, str], float], unit: str
) -> list[list[str]]:
    """The table of rates; in brackets the share of the floor's rate."""
    cells = list(dict.fromkeys(cell for case in measured for cell in case.cells))
    table = [[f"{unit} (share of the floor)", *map(key, cells)]]
    for case, timing in measured.items():
        row = [case.name]
        for cell in cells:
            taken = timing.seconds.get(key(cell)) if timing is not None else None
            if timing is None or cell not in case.cells:
                row.append(NO_GPU if timing is None and cell == cells[0] else "")
            elif taken is None:
                row.append("left out")
            else:
                least = operations(case, cell) / rates[case.provider, case.matrix]
                share = least / (timing.busy[key(cell)] if case.provider == "cpu" else taken)
                row.append(f"{cell.rows / taken:.3g} ({share:.2f})")
        table.append(row)
    return table


def comparison(measured: Mapping[Case, Timing | None]) -> list[list[str]]:
    """The table that compares one batch of a classifier with a causal model, which takes a forward pass a document."""
    table = [[f"{DOCUMENTS.rows} documents of {DOCUMENTS.tokens} tokens", "forwards", "seconds"]]
    for case, timing in measured.items():
        if case.model in {"classifier", "causal"} and timing is not None and key(DOCUMENTS) in timing.seconds:
            name = key(DOCUMENTS)
            table.append([case.name, str(timing.forwards[name]), f"{timing.seconds[name]:.2f}"])
    return table


def operations(case: Case, cell: Cell) -> float:
    """Multiplications and additions of a forward pass: products with weights, attention, and the head."""
    if case.model == "embedder":
        weights = BERT_LAYERS * (4 * BERT_HIDDEN**2 + 2 * BERT_HIDDEN * BERT_INTERMEDIATE)
        attention = BERT_LAYERS * 2 * cell.tokens * BERT_HIDDEN
        head = 0
    else:
        weights = LAYERS * HIDDEN * (2 * QUERIES + 2 * KEYS + 3 * INTERMEDIATE)
        attention = LAYERS * 2 * cell.tokens * QUERIES
        head = HIDDEN * VOCABULARY if case.model == "causal" else 0
    return 2.0 * (weights + attention + head) * cell.rows * cell.tokens


@contextmanager
def graph(case: Case, *, kept: Path | None) -> Iterator[Path]:
    """A synthetic graph, made if it is missing, and removed afterwards unless it should be kept."""
    with TemporaryDirectory(prefix="qmd-mcp-inference-") as temporary:
        folder = (kept or Path(temporary)) / f"{case.model}-{case.precision}"
        path = folder / "model.onnx"
        if not path.exists():
            program = Path(__file__).parent.parent / "models" / "training" / "synthetic" / "synthetic.py"
            command = [sys.executable, str(program), case.model, "--precision", case.precision, "--out", str(folder)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield path
        if kept is None:
            shutil.rmtree(folder)


def timed(case: Case, path: Path, *, longest: float) -> Timing:
    """Time a case in a process of its own."""
    cells = [f"{cell.rows}x{cell.tokens}" for cell in case.cells]
    provider, limit = ("--provider", case.provider), ("--longest", str(longest))
    return Timing(**_forwards(case.model, str(path), *provider, *limit, "--cells", *cells))


def matrix_rate(precision: str, *, provider: str) -> float:
    """Operations per second of plain matrix products."""
    return float(_forwards("matrix", precision, "--provider", provider)["operations_per_second"])


def cuda_works() -> bool:
    """Whether a session on CUDA computes; ONNX Runtime lists the provider wherever its package contains it."""
    command = [sys.executable, "-m", "benchmarks.parts.forwards", "matrix", "fp32", "--provider", "cuda"]
    tried = subprocess.run(command, check=False, capture_output=True, text=True)
    return tried.returncode == 0


def written(table: Sequence[Sequence[str]]) -> str:
    """A Markdown table without the lines about its origin."""
    header, *rows = table
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---", *["---:"] * (len(header) - 1)], *rows))


def _forwards(*arguments: str) -> dict[str, object]:
    command = [sys.executable, "-m", "benchmarks.parts.forwards", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main(sys.argv[1:])
