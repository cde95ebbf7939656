"""What a server writes to its log, and how much of it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from qmd_mcp.server.limits.bounded_log import LONGEST_LINE, OnceInAWhile, RotatedStream


@pytest.fixture
def logger() -> Generator[logging.Logger]:
    """A logger that no other test writes to, and that leads nowhere else."""
    logger = logging.getLogger("of this test")
    logger.propagate = False
    yield logger
    for handler in tuple(logger.handlers):
        logger.removeHandler(handler)


class Lines(logging.Handler):
    """Keeps what is written."""

    def __init__(self, *, silent_seconds: float) -> None:
        super().__init__()
        self.written: list[str] = []
        self.addFilter(OnceInAWhile(silent_seconds=silent_seconds))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.written.append(record.getMessage())


def test_lines_of_one_kind_are_written_once_and_lines_of_other_kinds_too(logger: logging.Logger) -> None:
    """A number or the name of a session makes no other kind; an error of another sort does."""
    lines = Lines(silent_seconds=3600)
    logger.addHandler(lines)
    for number in range(1_000):
        logger.warning("connection %d of session %032x is malformed", number, number)
    for error in (ValueError("a"), ValueError("b"), ValueError("a")):
        logger.error("it failed", exc_info=error)
    assert lines.written == [
        "connection 0 of session 00000000000000000000000000000000 is malformed",
        *["it failed"] * 2,
    ]


def test_the_next_line_after_a_while_says_how_many_were_left_out(logger: logging.Logger) -> None:
    lines = Lines(silent_seconds=0)
    logger.addHandler(lines)
    (silencer,) = lines.filters
    assert isinstance(silencer, OnceInAWhile)
    silencer._silent_seconds = 3600
    for _ in range(4):
        logger.warning("%d %% of it", 7)
    silencer._silent_seconds = 0
    logger.warning("%d %% of it", 7)
    assert lines.written == ["7 % of it", "7 % of it (3 more like this were left out)"]


def test_kinds_without_number_and_endless_lines_do_not_fill_a_log(logger: logging.Logger) -> None:
    lines = Lines(silent_seconds=3600)
    logger.addHandler(lines)
    for number in range(3_000):
        logger.warning("x" * LONGEST_LINE + "y" if number == 0 else "".join(chr(97 + int(c)) for c in str(number)))
    assert len(lines.written) == 1_000
    assert max(map(len, lines.written)) == LONGEST_LINE


def test_the_log_of_a_server_begins_anew_when_it_is_large(
    logger: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One log is kept beside it; what libraries write to the same descriptor comes after it."""
    log = tmp_path / "server.log"
    with log.open("a") as standard_error:
        monkeypatch.setattr(sys, "stderr", standard_error)
        logger.addHandler(RotatedStream(log, largest=1_000))
        for number in range(100):
            logger.warning("%s", f"{number:>3} " + "x" * 96)
        os.write(standard_error.fileno(), b"from a library\n")
    kept = tmp_path / "server.log.1"
    assert log.stat().st_size + kept.stat().st_size < 2_500
    assert kept.read_text().endswith("x\n")
    assert log.read_text().endswith("from a library\n")


def test_a_file_of_another_name_is_left_alone(
    logger: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person has redirected standard error there."""
    with (tmp_path / "mine.txt").open("a") as standard_error:
        monkeypatch.setattr(sys, "stderr", standard_error)
        logger.addHandler(RotatedStream(tmp_path / "server.log", largest=10))
        for _ in range(3):
            logger.warning("a line that is longer than ten bytes")
    assert len((tmp_path / "mine.txt").read_text().splitlines()) == 3
