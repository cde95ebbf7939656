"""Whatever files, folders and arguments are called: nothing that a command prints hides anything."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qmd_mcp.cli import run
from tests.hostile_names import ESCAPE, HOSTILE, SMUGGLED, hidden_in

NAMES = [
    "a\x1b[31m.md",
    "b\nc.md",
    "d\u202egnp.md",
    "e\U000e0049\U000e0067.md",
    "f" + "".join(chr(0xE0100 + each) for each in b"obey") + ".md",
    "g\u200b\r.md",
]


@pytest.fixture
def qmd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str]]]:
    """Runs a command in this process, and returns its exit code and the lines that it printed anywhere."""
    for name in [name for name in os.environ if name.startswith("QMD_")]:
        monkeypatch.delenv(name)
    for name in ("DATA", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> tuple[int, list[str]]:
        capsys.readouterr()
        code = run(arguments)
        written = capsys.readouterr()
        printed = written.out + written.err
        assert not hidden_in(printed), arguments
        return code, printed.removesuffix("\n").split("\n")

    return command


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no files of such names")
def test_no_command_prints_what_a_name_hides(qmd: Callable[..., tuple[int, list[str]]], tmp_path: Path) -> None:
    root = tmp_path / f"root{ESCAPE}{SMUGGLED}".replace("/", "")
    root.mkdir()
    for name in NAMES:
        (root / name).write_text(f"# Title {ESCAPE}\n\nPromote the standby {SMUGGLED}.\n")
    (root / "skipped\x1b[2J\nskipped 9: none.md").write_bytes(b"\0\1\2")
    code, lines = qmd("collection", "add", str(root), "--name", "notes", "--no-embed")
    assert code == 0
    assert [line for line in lines if line.startswith("notes: 6 added")]
    assert [line for line in lines if line.startswith("  skipped 1: binary (such as skipped␛[2J␊skipped 9: none.md)")]
    assert qmd("context", "add", "notes", HOSTILE)[0] == 0
    for arguments, expected, most_lines in (
        (["collection", "list"], 0, 2),
        (["context", "list"], 0, 1),
        (["collection", "rename", "notes", f"n{HOSTILE}"], 1, 1),
        (["collection", "rename", "notes", "n" + "".join(chr(0xE0100 + each) for each in b"obey")], 1, 1),
        (["collection", "remove", HOSTILE], 3, 1),
        (["context", "rm", HOSTILE], 3, 1),
        (["context", "add", HOSTILE, HOSTILE], 3, 1),
        (["status"], 0, 9),
        (["status", "--json"], 0, 99),
        (["search", "standby"], 0, 99),
        (["search", "standby", "--json"], 0, 999),
        (["search", "standby", "--collection", HOSTILE], 3, 1),
        (["search", f'path:"{HOSTILE}" standby'], 0, 9),
        (["get", f"notes/{NAMES[0]}"], 0, 99),
        (["get", "notes/a.md"], 3, 1),
        (["get", HOSTILE], 3, 1),
        (["multi-get", "notes/*", HOSTILE], 0, 99),
        (["multi-get", HOSTILE], 0, 9),
        (["update", "--collection", HOSTILE], 3, 1),
        (["update"], 0, 5),
        (["models", "list", HOSTILE], 2, 1),
        (["models", "verify", HOSTILE], 1, 1),
        (["models", "pull", HOSTILE], 1, 1),
        (["models", "pull", "mini", "--device", HOSTILE], 2, 1),
        (["eval", HOSTILE], 3, 1),
        (["eval", "x", "--mode", HOSTILE], 2, 1),
        (["client-config", HOSTILE], 2, 1),
        (["client-config", "claude"], 0, 99),
        ([HOSTILE], 2, 1),
        ([f"--{HOSTILE}"], 2, 1),
        (["search", "x", "--limit", HOSTILE], 2, 1),
        (["--index", HOSTILE.replace("\0", ""), "status"], 1, 1),
        (["--index", HOSTILE, "client-config", "claude"], 0, 99),
        (["collection", "add", HOSTILE], 1, 1),
        (["serve", "--port", HOSTILE], 2, 1),
    ):
        code, lines = qmd(*arguments)
        assert (code, len(lines) <= most_lines) == (expected, True), (arguments, lines)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no files of such names")
def test_a_document_with_a_hostile_name_is_read_by_its_uri(
    qmd: Callable[..., tuple[int, list[str]]], tmp_path: Path
) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / NAMES[2]).write_text("Promote the standby.\n")
    qmd("collection", "add", "notes", "--no-embed")
    (hit,) = json.loads("\n".join(qmd("search", "standby", "--json")[1]))["hits"]
    assert (hit["path"], hit["uri"]) == ("d\ufffdgnp.md", "qmd://notes/d%E2%80%AEgnp.md")
    assert qmd("get", hit["uri"])[0] == 0


def test_a_clients_configuration_names_the_very_index(qmd: Callable[..., tuple[int, list[str]]]) -> None:
    code, lines = qmd("--index", f"/{HOSTILE}", "client-config", "claude")
    configured = json.loads("\n".join(lines[:-1]))
    assert (code, configured["mcpServers"]["qmd-mcp"]["args"][1]) == (0, f"/{HOSTILE}")
