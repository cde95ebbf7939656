"""The programs behind the figures."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks"
PROGRAMS = sorted(
    path.stem for path in FOLDER.glob("*.py") if "\ndef main(arguments" in path.read_text(encoding="utf-8")
)


def test_every_program_is_known() -> None:
    assert len(PROGRAMS) > 10


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_says_what_it_takes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    program = importlib.import_module(f"benchmarks.{name}")
    with pytest.raises(SystemExit) as ended:
        program.main(["--help"])
    assert (ended.value.code, "usage: " in capsys.readouterr().out) == (0, True)
