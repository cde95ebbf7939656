"""What the help of each command says."""

from __future__ import annotations

from typing import Any

import pytest
from typer.main import get_command

from qmd_mcp.cli import app, run


def every_command() -> list[list[str]]:
    """The words of every command, with those that have commands below them."""
    found: list[list[str]] = []
    left: list[tuple[list[str], Any]] = [([], get_command(app))]
    while left:
        words, command = left.pop()
        found.append(words)
        left += [([*words, name], below) for name, below in getattr(command, "commands", {}).items()]
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_help_shows_every_description_as_it_is_written(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As markup, `[[link]]` would become `[]`."""
    command: Any = get_command(app)
    for word in words:
        command = command.commands[word]
    assert run([*words, "--help"]) == 0
    shown = "".join(capsys.readouterr().out.split())
    for described in (command, *command.params):
        assert "".join((getattr(described, "help", None) or "").split()) in shown
