"""The run options of a forward pass."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest

from qmd_mcp.inference.runtime.forward import LARGE, forward

SHRINKAGE = "memory.enable_memory_arena_shrinkage"


class On:
    """A session that has an execution provider and returns zeros."""

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def get_providers(self) -> list[str]:
        return [self._provider, "CPUExecutionProvider"]

    def run(self, outputs: list[str], feeds: dict[str, np.ndarray], run: ort.RunOptions) -> list[np.ndarray]:
        return [np.zeros(len(feeds["input_ids"]))]


@pytest.mark.parametrize(
    ("provider", "tokens", "shrinks"),
    [
        ("CUDAExecutionProvider", LARGE, True),
        ("CUDAExecutionProvider", LARGE - 8, False),
        ("CPUExecutionProvider", LARGE, False),
    ],
)
def test_a_large_forward_gives_the_gpus_memory_back(
    provider: str, tokens: int, capfd: pytest.CaptureFixture[str], *, shrinks: bool
) -> None:
    options, ids = ort.RunOptions(), np.ones((8, tokens // 8), np.int64)
    for _ in range(2):
        forward(On(provider), output="logits", feeds={"input_ids": ids}, model="m", run=options)
    if shrinks:
        assert options.get_run_config_entry(SHRINKAGE) == "gpu:0"
    else:
        with pytest.raises(RuntimeError):
            options.get_run_config_entry(SHRINKAGE)
    assert capfd.readouterr() == ("", "")
