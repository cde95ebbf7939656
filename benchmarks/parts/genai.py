"""Starts decoding_peer.py in its own environment, asks it for measurements and reports them."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from benchmarks.parts.timing import Times, share
from qmd_mcp.inference.expanding.expander import KINDS


class Peer:
    """The same decoding by onnxruntime-genai, in a process of its own that waits while ours is measured."""

    def __init__(self, python: str, *, options: argparse.Namespace, prompt: list[int]) -> None:
        asked_for = {
            "folder": str(options.folder),
            "prompt": prompt,
            "rows": len(KINDS),
            "tokens": options.tokens,
            "provider": options.provider,
            "session": {
                "intra_op_num_threads": options.threads,
                "session.intra_op.allow_spinning": str(int(options.spinning)),
            },
        }
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name("decoding_peer.py")), json.dumps(asked_for)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._steps = {"one": Times(), "five": Times()}
        self._whole: list[float] = []
        self._read()  # the process says when it has loaded the model

    def measure(self, *, counts: bool) -> None:
        """Measure once; warm-up runs are made but not recorded."""
        assert self._process.stdin is not None
        self._process.stdin.write("measure\n")
        self._process.stdin.flush()
        measured = self._read()
        if counts:
            for name, times in self._steps.items():
                times.whole.append(measured[name])
                times.processor.append(measured[f"{name}, processor"])
            self._whole.append(measured["whole"])

    def _read(self) -> dict[str, float]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                found: dict[str, float] = json.loads(line)
                return found
        sys.exit("The process with onnxruntime-genai ended; its error is above.")

    def end(self) -> None:
        """Close the process's input, which ends it, and wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def report(self, ours: Mapping[str, Times]) -> None:
        """Print its times and the ratios to ours."""
        for name, theirs in self._steps.items():
            step = f"{median(theirs.whole):.1f} ms, CPU time {median(theirs.processor):.1f}"
            print(f"onnxruntime-genai, a step of {name}, greedy: {step}.")
            print(f"Our step / theirs: {share(ours[f'step, {name}'], theirs)}.")
        print(f"onnxruntime-genai, five prompts in a batch, prefill and all: {median(self._whole) / 1e3:.2f} s.")
