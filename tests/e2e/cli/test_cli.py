"""What each command prints, and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qmd_mcp.cli import run

HEAVY = ("lancedb", "pyarrow", "onnxruntime", "fastembed", "mcp", "numpy")


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def answer(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.stdout)


class Terminal:
    """Runs commands in this process: a process of their own costs two seconds of imports each."""

    def __init__(self, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capture = capture
        self._patch = patch

    def __call__(self, *arguments: str, cwd: Path | None = None) -> Ended:
        if cwd is not None:
            self._patch.chdir(cwd)
        self._capture.readouterr()
        code = run(arguments)
        written = self._capture.readouterr()
        return Ended(code, written.out, written.err)


@pytest.fixture
def qmd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal without configuration, cache or index of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("QMD_")]:
        monkeypatch.delenv(name)
    for name in ("DATA", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return Terminal(capsys, monkeypatch)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    (folder / "ops").mkdir(parents=True)
    (folder / "ops" / "failover.md").write_text("# Failover\n\nPromote the standby when the primary is gone.\n")
    (folder / "soup.md").write_text("# Lentil soup\n\nSimmer the lentils with mysql-free water.\n")
    (folder / "缓存.md").write_text("# 缓存\n\n缓存同时过期，数据库压力很大。\n")
    (folder / ".env").write_text("TOKEN=secret\n")
    (folder / "photo.md").write_bytes(b"\x00\x01\x02")
    return folder


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from qmd_mcp.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_a_folder_is_added_searched_read_renamed_and_removed(qmd: Terminal, notes: Path) -> None:
    added = qmd("collection", "add", str(notes), "--name", "notes")
    assert added.code == 0, added.stderr
    assert "3 added, 0 updated, 0 unchanged, 0 removed" in added.stdout
    assert "skipped 1: binary (such as photo.md)" in added.stdout
    assert "skipped 1: secret by its name (such as .env)" in added.stdout

    assert qmd("context", "add", "notes/ops", "Runbooks").code == 0
    found = qmd("search", "promote", "standby", "--json").answer
    (hit,) = found["hits"]
    assert (hit["path"], hit["start_line"], hit["context"]) == ("ops/failover.md", 1, "Runbooks")
    assert [stage["name"] for stage in found["stages"]] == ["bm25"]

    fused = qmd("query", "what to do when the main database is lost", "--json").answer
    assert fused["hits"][0]["path"] == "ops/failover.md"
    assert {stage["name"] for stage in fused["stages"] if stage["ran"]} == {
        "bm25",
        "embed",
        "dense",
        "fusion",
        "late interaction",
        "answer",
    }

    chinese = qmd("query", "缓存过期怎么办", "--json").answer
    assert chinese["hits"][0]["path"] == "缓存.md"
    (fusion,) = (stage for stage in chinese["stages"] if stage["name"] == "fusion")
    assert fusion["reason"].startswith("BM25 first: the query is in Hani script")

    excluded = qmd("search", "--json", "--", "the", "lentils", "standby", "-mysql").answer
    assert [each["path"] for each in excluded["hits"]] == ["ops/failover.md"]

    for reference in (
        hit["docid"],
        hit["docid"][1:],
        hit["uri"],
        "notes/ops/failover.md",
        str(notes / "ops/failover.md"),
    ):
        assert "Promote the standby" in qmd("get", reference).stdout

    again = qmd("update")
    assert "0 added, 0 updated, 3 unchanged, 0 removed; 0 passages written, 0 embedded" in again.stdout
    (notes / "soup.md").unlink()
    (notes / "ops" / "failover.md").write_text("# Failover\n\nDemote the standby.\n")
    stale = qmd("search", "promote", "--json").answer
    assert stale["hits"][0]["freshness"] == "changed"
    assert "0 added, 1 updated, 1 unchanged, 1 removed" in qmd("update").stdout
    assert qmd("search", "promote", "--json").answer["hits"] == []

    renamed = qmd("collection", "rename", "notes", "wiki")
    assert renamed.code == 0, renamed.stderr
    assert qmd("search", "demote", "--json").answer["hits"][0]["collection"] == "wiki"
    status = qmd("status", "--json").answer
    assert (status["documents"], status["passages"], status["embedded"]) == (2, 2, 2)
    assert "2 documents removed" in qmd("collection", "remove", "wiki").stdout
    empty = qmd("search", "demote")
    assert (empty.code, "is empty. Add a folder" in empty.stderr) == (1, True)


def test_words_come_first_and_vectors_later(qmd: Terminal, notes: Path) -> None:
    assert "0 embedded" in qmd("collection", "add", str(notes), "--name", "notes", "--no-embed").stdout
    assert qmd("search", "standby", "--json").answer["hits"]
    nothing = qmd("vsearch", "standby", "--json").answer
    assert (nothing["hits"], nothing["notes"]) == (
        [],
        [
            "No embedded passage was found.",
            "No passage is embedded yet, so that meaning cannot be compared: run qmd-mcp embed.",
        ],
    )
    assert qmd("query", "standby", "--json").answer["hits"]
    assert "3 passages embedded" in qmd("embed").stdout
    assert qmd("vsearch", "standby", "--json").answer["hits"]


def test_a_typing_error_is_answered_with_what_the_index_has(qmd: Terminal, notes: Path) -> None:
    qmd("collection", "add", str(notes), "--name", "notes", "--no-embed")
    answer = qmd("search", "lentlis", "--json").answer
    assert [hit["path"] for hit in answer["hits"]] == ["soup.md"]
    assert answer["notes"] == ["No indexed word is 'lentlis'; searched 'lentils' instead."]


def test_what_is_probably_not_meant_is_told(qmd: Terminal, tmp_path: Path, notes: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "No file of this folder is indexed." in qmd("collection", "add", str(tmp_path / "empty")).stdout
    added = qmd("collection", "add", str(notes), "--name", "notes", "--no-embed").stdout
    assert "No file" not in added
    again = qmd("collection", "add", str(notes), "--name", "wiki")
    assert (again.code, "as collection 'notes' already" in again.stderr) == (1, True)
    assert qmd("collection", "add", str(notes), "--name", "wiki", "--glob", "*.md", "--no-embed").code == 0
    assert qmd("models", "verify", "mini").stdout == "Nothing to verify: none of these models was pulled.\n"


def test_a_document_that_is_gone_is_not_offered_in_its_own_place(qmd: Terminal, notes: Path) -> None:
    qmd("collection", "add", str(notes), "--name", "notes", "--no-embed")
    (notes / "soup.md").unlink()
    gone = qmd("get", "notes/soup.md")
    assert "is no longer on disk" in gone.stderr
    assert "notes/soup.md" not in gone.stderr.partition("Did you mean")[2]
    several = qmd("multi-get", "notes/ops/*.md", "notes/nothing*.md").stdout
    assert several.endswith("Not read: notes/nothing*.md (no document matches it)\n")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["search", "x"], 1, "there is no such folder"),
        (["--index", "FOREIGN", "search", "x"], 1, "is not a qmd-mcp index"),
        (["--index", "FOREIGN", "collection", "add", "FOREIGN"], 1, "holds other files"),
        (["collection", "add", "nowhere"], 1, "is not a folder"),
        (["--index", "NEW", "search", " "], 3, "The query is empty"),
        (["--index", "NEW", "search", "--", '-"alpha"'], 3, "only excludes (-alpha)"),
        (["--index", "NEW", "search", "x", "--limit", "0"], 2, "limit"),
        (["eval", "nowhere", "--mode", "other"], 2, "'other' is not one of search, vsearch, query"),
        (["client-config", "emacs"], 2, "'emacs' is not one of"),
    ],
)
def test_each_mistake_is_one_sentence_and_its_exit_code(
    qmd: Terminal, tmp_path: Path, arguments: list[str], code: int, sentence: str
) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "letter.txt").write_text("mine")
    places = {"FOREIGN": str(tmp_path / "foreign"), "NEW": str(tmp_path / "new")}
    if "NEW" in arguments:
        (tmp_path / "empty").mkdir()
        assert qmd("--index", places["NEW"], "collection", "add", str(tmp_path / "empty")).code == 0
    result = qmd(*(places.get(argument, argument) for argument in arguments))
    assert result.code == code, result.stderr
    assert sentence in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_a_setting_that_does_not_fit_is_named(qmd: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QMD_ALPHA", "2")
    result = qmd("status")
    assert result.code == 1
    assert "alpha = '2'" in result.stderr
    assert "QMD_ALPHA" in result.stderr


def test_a_folder_that_cannot_be_added_leaves_no_index_behind(qmd: Terminal) -> None:
    before = qmd("status").stderr
    assert qmd("collection", "add", "nowhere").code == 1
    assert "nowhere is not a folder" in qmd("collection", "add", "nowhere", "--name", "a name with blanks").stderr
    assert qmd("status").stderr == before


def test_a_context_without_a_word_is_refused(qmd: Terminal, notes: Path) -> None:
    qmd("collection", "add", str(notes))
    qmd("context", "add", "notes", "Operations")
    assert qmd("context", "add", "notes", " ").code == 1
    assert qmd("context", "list").stdout == "notes: Operations\n"


def test_an_index_is_never_indexed(qmd: Terminal, notes: Path, tmp_path: Path) -> None:
    """Also one that somebody keeps in the folder itself."""
    inside = str(notes / "data" / "index")
    assert "3 added" in qmd("--index", inside, "collection", "add", str(notes)).stdout
    assert "0 added, 0 updated, 3 unchanged" in qmd("--index", inside, "update").stdout
    assert (
        "3 added" in qmd("--index", str(tmp_path / "other"), "collection", "add", str(notes), "--glob", "**/*").stdout
    )


def test_a_project_has_its_own_index(qmd: Terminal, notes: Path) -> None:
    assert qmd("init", cwd=notes).code == 0
    assert qmd("collection", "add", ".", "--name", "here", "--no-embed", cwd=notes).code == 0
    assert qmd("status", "--json", cwd=notes / "ops").answer["index"] == str(notes / ".qmd-mcp")
    outside = qmd("collection", "add", str(notes.parent), "--name", "home", cwd=notes)
    assert (outside.code, "outside" in outside.stderr) == (1, True)


@pytest.mark.parametrize(("client", "key"), [("claude", "mcpServers"), ("cursor", "mcpServers"), ("vscode", "servers")])
def test_a_clients_configuration_has_absolute_paths(qmd: Terminal, client: str, key: str) -> None:
    server = qmd("client-config", client).answer[key]["qmd-mcp"]
    assert Path(server["command"]).is_absolute()
    assert server["args"][0] == "--index"
    assert Path(server["args"][1]).is_absolute()
    assert server["args"][-1] == "serve"


def test_the_program_runs_as_a_process(tmp_path: Path) -> None:
    program = [sys.executable, "-W", "error", "-m", "qmd_mcp"]
    version = subprocess.run([*program, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("qmd-mcp 0.")
    nowhere = subprocess.run(
        [*program, "--index", str(tmp_path / "none"), "status"], capture_output=True, text=True, check=False
    )
    assert (nowhere.returncode, nowhere.stdout) == (1, "")
    assert nowhere.stderr.count("\n") == 1
