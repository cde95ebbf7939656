"""Whatever ends a command: one line that says what happened and what to do, an exit code, and no trace unless asked."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qmd_mcp.cli import run
from qmd_mcp.corpus.scanning.disk_files import read_file
from qmd_mcp.domain.answers import Skip, SkipReason
from qmd_mcp.errors import CollectionError, EmptyQueryError
from qmd_mcp.faults import report, sentence_of
from tests.hostile_names import HOSTILE, hidden_in

PROJECT = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither /dev/full nor these limits")

FULL = "LanceError(IO): Generic LocalFileSystem error: Unable to copy: No space left on device (os error 28)"
IN_RUST = ", /somewhere/.cargo/registry/src/lance-io-13.0.0/src/object_store.rs:129:22"

ENDINGS: dict[str, tuple[BaseException, int, str]] = {
    "a mistake of the caller": (EmptyQueryError(), 3, "The query is empty."),
    "something to set up": (CollectionError("x is not a folder."), 1, "x is not a folder."),
    "a full disk": (OSError(errno.ENOSPC, "No space left on device", "/x/y"), 1, "No space left on device: /x/y. Free"),
    "a full disk, told by Lance": (RuntimeError(f"lance error: {FULL}{IN_RUST}"), 1, "No space left on device. Free"),
    "a read-only file system": (OSError(errno.EROFS, "x", "/x"), 1, "Make that file system writable"),
    "a forbidden file": (PermissionError(errno.EACCES, "x", "/x"), 1, "Give yourself the permission"),
    "a long path": (OSError(errno.ENAMETOOLONG, "x", "/x"), 1, "Give a shorter path."),
    "a link loop": (OSError(errno.ELOOP, "x", "/x"), 1, "the link that leads back to itself"),
    "few descriptors": (OSError(errno.EMFILE, "x", "/dev/null"), 1, "Too many open files. Raise"),
    "few descriptors while importing": (ImportError("libx.so: Too many open files"), 1, "ulimit -n"),
    "a limit of files": (OSError(errno.EFBIG, "x"), 1, "ulimit -f unlimited"),
    "an errno without a mend": (OSError(errno.EDOM, "x"), 1, "QMD_DEBUG=1 shows where."),
    "no memory": (MemoryError(), 1, "There is no memory left."),
    "a damaged table": (
        RuntimeError(f"lance error: bad page{IN_RUST}"),
        1,
        "The index cannot be used: bad page. Check",
    ),
    "an interrupt": (KeyboardInterrupt(), 130, "Interrupted."),
    "several at once": (BaseExceptionGroup("x", [ExceptionGroup("y", [EmptyQueryError()])]), 3, "The query is empty."),
    "a fault": (KeyError("no such\nkey"), 70, "A fault in the program has ended the command (KeyError:"),
    "a fault without a word": (RecursionError(), 70, "(RecursionError). Run it again with QMD_DEBUG=1"),
    "a fault about a hostile name": (ValueError(HOSTILE), 70, "ValueError: a␛[31m"),
}


@pytest.mark.parametrize(("error", "code", "said"), ENDINGS.values(), ids=ENDINGS.keys())
def test_every_ending_is_one_line_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    assert report(error) == code
    line, *rest = capsys.readouterr().err.split("\n")
    assert rest == [""]
    assert line.startswith("qmd-mcp: ")
    assert said in line
    assert ".rs:" not in line
    assert not hidden_in(line)


@pytest.mark.parametrize("asked", [("--debug",), ()])
def test_the_trace_is_shown_to_who_asks_for_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, asked: tuple[str, ...]
) -> None:
    monkeypatch.setenv("QMD_DEBUG", "0" if asked else "1")
    report(KeyError(HOSTILE), arguments=asked)
    *trace, last = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert any("KeyError" in line for line in trace)
    assert last == f"qmd-mcp: {sentence_of(KeyError(HOSTILE))}"
    assert not hidden_in("\n".join(trace))


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must fail, and returns its one line on standard error."""
    for name in ("DATA", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str, code: int = 1) -> str:
        capsys.readouterr()
        assert run(arguments) == code
        written = capsys.readouterr().err
        assert written.count("\n") == 1, written
        return written

    return command


def test_a_name_that_is_too_long_for_the_file_system(said: Callable[..., str]) -> None:
    long = "x" * 300
    for arguments, code in (
        (("--index", long, "status"), 1),
        (("--index", f"{long}/{long}", "init"), 1),
        (("collection", "add", long), 1),
        (("--index", "i", "collection", "add", ".", "--name", long), 1),
        (("eval", long), 3),
    ):
        assert long[:1] in said(*arguments, code=code)


@pytest.mark.parametrize(
    "index", ["db://x", "foo://x", "http://x/y", "S3:/bucket", "s3:/bucket", "gs:/b", "memory://x"]
)
def test_an_index_under_a_scheme_that_is_none(said: Callable[..., str], index: str) -> None:
    assert f"{index} names no place of an index. Give a folder, or a URI that begins with s3://" in said(
        "--index", index, "status"
    )


@POSIX
def test_standard_output_that_takes_nothing(said: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123  a device
        monkeypatch.setattr(sys, "stdout", os.fdopen(os.dup(full.fileno()), "w", buffering=1))
        assert "No space left on device. Free some space" in said("--version")


@POSIX
@pytest.mark.parametrize("replaced_by", ["a folder", "a link to itself", "a loop of links", "a folder that is a loop"])
def test_a_document_whose_file_became_something_else(tmp_path: Path, replaced_by: str) -> None:
    document = tmp_path / "a" / "b.md"
    match replaced_by:
        case "a folder":
            document.mkdir(parents=True)
        case "a link to itself":
            document.parent.mkdir()
            document.symlink_to("b.md")
        case "a loop of links":
            document.parent.mkdir()
            document.symlink_to("c.md")
            (tmp_path / "a" / "c.md").symlink_to("b.md")
        case _:
            document.parent.symlink_to("a")
    reason: SkipReason = "unreadable" if replaced_by == "a folder" else "a link in its path"
    assert read_file(tmp_path, "a/b.md", max_bytes=100) == Skip("a/b.md", reason)


def interrupted(module: str) -> subprocess.CompletedProcess[str]:
    """Run a command that gets SIGINT when it begins to import a module."""
    program = f"""
import os, runpy, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["qmd-mcp", "--version"]
runpy.run_module("qmd_mcp", run_name="__main__", alter_sys=True)
"""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60
    )


@POSIX
@pytest.mark.parametrize(
    "module",
    [
        "qmd_mcp.errors",
        "typer",
        *(pytest.param(each, marks=pytest.mark.attack) for each in ("qmd_mcp.faults", "qmd_mcp.cli", "pydantic")),
    ],
)
def test_ctrl_c_while_modules_are_imported_ends_the_process_without_a_trace(module: str) -> None:
    done = interrupted(module)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@POSIX
@pytest.mark.attack
@pytest.mark.parametrize(
    ("shell", "sentence"),
    [
        ('"$@" --help > /dev/full', "No space left on device."),
        ('"$@" --version > /dev/full', "No space left on device."),
        ('"$@" client-config claude > /dev/full', "No space left on device."),
        (
            'mkdir x && cd x && rmdir ../x && "$@" --index /nowhere collection add .',
            "The working folder has been deleted.",
        ),
        ('mkdir x && cd x && rmdir ../x && "$@" status', "The working folder has been deleted."),
        (
            'echo "# A" > a.md; "$@" --index i collection add . > /dev/null 2>&1; ulimit -n 12; "$@" --index i status',
            "Too many open files.",
        ),
        ('echo "# A" > a.md; (ulimit -f 1; "$@" --index i collection add .) > /dev/null', "File too large."),
    ],
)
def test_a_process_in_trouble_says_one_line(tmp_path: Path, shell: str, sentence: str) -> None:
    done = subprocess.run(
        ["bash", "-c", shell, "bash", sys.executable, "-m", "qmd_mcp"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(PROJECT),
            "XDG_CACHE_HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lines = done.stderr.splitlines()
    assert done.returncode == 1, done.stderr
    assert lines[-1].startswith(f"qmd-mcp: {sentence}")
    assert len(lines) <= 3  # with the progress of an update


@POSIX
def test_output_that_nobody_reads_any_more_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", '"$@" --help | head -0; echo "${PIPESTATUS[0]}"', "bash", sys.executable, "-m", "qmd_mcp"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
