"""What decoding with a language model costs, step by step, compared with its floor and with onnxruntime-genai.

    python -m benchmarks.decoding FOLDER [--peer PYTHON] [--provider cuda] [--runs 9]

FOLDER is one that models/training/synthetic/synthetic_decoder.py wrote; PYTHON is that of an environment with
onnxruntime-genai.
Everything alternates within each run, so that a busy moment of the machine affects all of it; figures are medians.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime as ort

from benchmarks.parts.genai import Peer
from benchmarks.parts.machine import headed, memory, positive, provenance
from benchmarks.parts.timing import TimedSession, Times, share
from qmd_mcp.inference.expanding.branch_decoding import Branch, Continuation, generate, room_for
from qmd_mcp.inference.expanding.decoder import Decoder, Past
from qmd_mcp.inference.expanding.expander import KINDS
from qmd_mcp.inference.expanding.prompts import PROMPTS, cleaned_query
from qmd_mcp.inference.hub.manifest import Sampling
from qmd_mcp.inference.runtime.cuda import find_cuda
from qmd_mcp.inference.runtime.tokenizer import read_tokenizer

QUERY = "how do we restore the database when the primary data centre is lost"
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
WARM_UP = 1
"""Runs that do not count: the first run takes memory and chooses kernels."""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decoding", description=__doc__)
    parser.add_argument("folder", type=Path, help="what models/training/synthetic/synthetic_decoder.py wrote")
    parser.add_argument("--peer", help="Python of an environment with onnxruntime-genai")
    parser.add_argument("--provider", choices=PROVIDERS, default="cpu")
    parser.add_argument("--runs", type=positive, default=9)
    parser.add_argument("--tokens", type=positive, default=40, help="tokens that each branch draws")
    parser.add_argument("--threads", type=positive, default=2)
    parser.add_argument("--spinning", action="store_true", help="let idle threads spin")
    parser.add_argument("--head", type=positive, help="length of the prompt's known part (default: all of it)")
    options = parser.parse_args(arguments)
    obstacle = find_cuda().obstacle
    if options.provider == "cuda" and obstacle:
        parser.error(obstacle)
    before = memory()
    started = perf_counter()
    session = TimedSession(open_decoder(options.folder / "model.onnx", options=options))
    decoder = Decoder(session)  # type: ignore[arg-type]  # it has the methods that a decoder calls
    loaded, taken = perf_counter() - started, memory() - before
    if session.get_providers()[0] != PROVIDERS[options.provider]:
        parser.error(f"The session runs on {session.get_providers()[0]}.")
    bench = Bench(decoder, session, folder=options.folder, tokens=options.tokens, head=options.head)
    peer = Peer(options.peer, options=options, prompt=bench.prompt) if options.peer else None
    for run in range(WARM_UP + options.runs):
        if run == WARM_UP:
            bench.forget()
        bench.measure()
        if peer:
            peer.measure(counts=run >= WARM_UP)
    if peer:
        peer.end()
    weights = sum(path.stat().st_size for path in options.folder.glob("model.onnx*"))
    print(headed(provenance("benchmarks.decoding", arguments), bench.table()), "\n")
    print(f"Loaded in {loaded:.1f} s, {taken / 1e9:.2f} GB; weights {weights / 1e9:.3f} GB.")
    if obstacle:
        print(f"No row for CUDA, no GPU was at hand: {obstacle}.")
    if options.provider == "cpu":
        speed = bandwidth(options.threads)
        print(f"Memory is read at {speed / 1e9:.1f} GB/s: a step's floor is {weights / speed * 1e3:.1f} ms.")
    bench.ratios()
    if peer:
        peer.report(bench.times)


def open_decoder(path: Path, *, options: argparse.Namespace) -> ort.InferenceSession:
    """Open the decoder as the product does, but with the threads and the provider that are compared."""
    settings = ort.SessionOptions()
    settings.log_severity_level = 3
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.add_session_config_entry("session.intra_op.allow_spinning", str(int(options.spinning)))
    return ort.InferenceSession(str(path), settings, providers=[PROVIDERS[options.provider]])


class Bench:
    """One decoder, one prompt, and the times of everything that is done with them."""

    def __init__(self, decoder: Decoder, session: TimedSession, *, folder: Path, tokens: int, head: int | None) -> None:
        tokenizer = read_tokenizer(folder)
        prompt = PROMPTS["qwen3"]
        self._decoder, self._session, self._tokens = decoder, session, tokens
        self._head = tokenizer.encode(prompt.head).ids[:head]
        self._tail = tokenizer.encode(prompt.tail.replace("{query}", cleaned_query(QUERY, tokenizer))).ids
        self.prompt = [*self._head, *self._tail]
        prefixes = {kind: tuple(tokenizer.encode(f"{kind}:").ids) for kind in KINDS}
        self._branches = [
            Branch(forced=prefixes[kind], budget=tokens, seed=number) for number, kind in enumerate(KINDS)
        ]
        self._known = decoder.prefill(self._head, decoder.empty(room=len(self._head)))
        self._spent: dict[int, Past] = {}
        self.same = True
        self.forget()

    def forget(self) -> None:
        """Drop the times that were taken so far."""
        names = ("the whole prompt", "behind the known part", "fork", "step, one", "step, five", "together", "apart")
        self.times = {name: Times() for name in names}

    def measure(self) -> None:
        """Time everything once."""
        decoder, times, session = self._decoder, self.times, self._session
        empty = decoder.empty(room=len(self.prompt))
        times["the whole prompt"].of(lambda: decoder.prefill(self.prompt, empty), session)
        forked = decoder.fork(self._known, rows=1, room=len(self._tail))
        times["behind the known part"].of(lambda: decoder.prefill(self._tail, forked), session)
        past = decoder.prefill(self._tail, decoder.fork(self._known, rows=1, room=len(self._tail)))
        times["fork"].of(lambda: self._rows(past, rows=len(KINDS)), session)
        for name, rows in (("step, one", 1), ("step, five", len(KINDS))):
            rows_past = self._rows(past, rows=rows)
            times[name].of(lambda rows_past=rows_past: self._steps(rows_past), session, parts=self._tokens)
        found: dict[str, Any] = {}
        times["together"].of(lambda: found.update(together=self._generate(past, self._branches)), session)
        times["apart"].of(
            lambda: found.update(apart=[self._generate(past, [branch])[0] for branch in self._branches]), session
        )
        self.same &= list(found["together"]) == found["apart"]

    def _steps(self, past: Past) -> None:
        for token in range(self._tokens):
            _, past = self._decoder.step([token] * past.rows, past)

    def _generate(self, past: Past, branches: Sequence[Branch]) -> tuple[Continuation, ...]:
        forked = self._rows(past, rows=len(branches))
        return generate(self._decoder, forked, branches, stop=(), sampling=Sampling())

    def _rows(self, past: Past, *, rows: int) -> Past:
        """Make the rows as the product's prompt cache does: in the memory of the rows before them."""
        room, over = room_for(self._branches), self._spent.get(rows)
        self._spent[rows] = self._decoder.fork(past, rows=rows, room=room, over=over, known=len(self._head))
        return self._spent[rows]

    def table(self) -> list[tuple[str, ...]]:
        """The table of medians, in milliseconds."""
        head, tail = len(self._head), len(self._tail)
        named = {
            "the whole prompt": f"prefill of the whole prompt, {head + tail} tokens",
            "behind the known part": f"prefill of the query's part, {tail} tokens, behind the known {head}",
            "fork": "the prompt's cache into five rows",
            "step, one": "a step of one branch",
            "step, five": "a step of five branches",
            "together": f"5 × {self._tokens} tokens drawn together, without prefill",
            "apart": f"5 × {self._tokens} tokens drawn one after another, without prefill",
        }
        rows = [(named[name], *times.text) for name, times in self.times.items()]
        return [("ms, median", "time", "outside the session", "CPU time"), *rows]

    def ratios(self) -> None:
        """Print the ratios between ways that do the same work."""
        times = self.times
        together = share(times["together"], times["apart"])
        print(f"Together / one after another: {together}; the same tokens: {self.same}.")
        known = share(times["behind the known part"], times["the whole prompt"])
        print(f"Prefill behind the known part / of the whole: {known}.")
        whole = median(self.times["behind the known part"].whole) + median(self.times["together"].whole)
        print(f"An expansion of 5 × {self._tokens} tokens: {whole / 1e3:.2f} s.")


def bandwidth(threads: int) -> float:
    """Bytes per second that this number of threads read together, each from its own memory; the best of 7 runs."""
    arrays = [np.ones(32 * 1024**2, dtype=np.uint64) for _ in range(threads)]  # 256 MiB each, larger than any cache
    best = float("inf")
    with ThreadPoolExecutor(threads) as workers:
        for _ in range(7):
            started = perf_counter()
            list(workers.map(np.max, arrays))
            best = min(best, perf_counter() - started)
    return sum(array.nbytes for array in arrays) / best


if __name__ == "__main__":
    main(sys.argv[1:])
