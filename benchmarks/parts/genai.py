"""The process that decodes by onnxruntime-genai, from our side."""

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
    """The same loop in onnxruntime-genai, in a process of its own that waits while we measure."""

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
        self._read()  # it has loaded

    def measure(self, *, counts: bool) -> None:
        """One run; of the first ones only the doing counts."""
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
        sys.exit("onnxruntime-genai ended; what it said is above.")

    def end(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def report(self, ours: Mapping[str, Times]) -> None:
        """Print its times beside ours."""
        for name, theirs in self._steps.items():
            step = f"{median(theirs.whole):.1f} ms, processor time {median(theirs.processor):.1f}"
            print(f"onnxruntime-genai, a step of {name}, greedy: {step}.")
            print(f"Our step / theirs: {share(ours[f'step, {name}'], theirs)}.")
        print(f"onnxruntime-genai, five prompts in a batch, prefill and all: {median(self._whole) / 1e3:.2f} s.")
