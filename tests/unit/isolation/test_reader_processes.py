"""What a reader process shares with the process that started it, and when it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from qmd_mcp.corpus.isolation.isolated_reading import IsolatedReading
from qmd_mcp.corpus.library.excerpt import LinesAsked

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="the processes are looked at through /proc"),
]
ABSENT = Path("tokenizer.json")
"""Only cutting needs one."""


def started(reading: IsolatedReading) -> int:
    assert reading.is_text(b"text", "a.md", seconds=5)
    (pid,) = reading.processes()
    return pid


def test_it_has_two_pipes_and_no_other_file_of_its_parent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, closing(IsolatedReading(ABSENT)) as reading:
        os.set_inheritable(server.fileno(), True)  # noqa: FBT003  the signature of the library
        targets = [str(each.readlink()) for each in Path(f"/proc/{started(reading)}/fd").iterdir()]
        assert sorted({target.partition(":")[0] for target in targets}) == ["/dev/null", "pipe"]


def test_it_knows_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QMD_TOKEN", "x" * 20)
    monkeypatch.setenv("ANY_OTHER_KEY", "y" * 20)
    with closing(IsolatedReading(ABSENT)) as reading:
        environment = Path(f"/proc/{started(reading)}/environ").read_bytes().split(b"\0")
        assert {each.partition(b"=")[0] for each in environment if each} <= {
            *(b"PATH", b"PYTHONHOME", b"PYTHONPATH", b"LD_LIBRARY_PATH", b"LANG", b"LC_ALL", b"LC_CTYPE"),
            *(b"TMPDIR", b"TEMP", b"TMP", b"TOKENIZERS_PARALLELISM"),
        }


def test_it_imports_nothing_out_of_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder may be a cloned project that has a file of the name of a library."""
    for name in ("yaml", "tokenizers", "qmd_mcp", "json"):
        (tmp_path / f"{name}.py").write_text(f"open('{tmp_path}/run', 'w').close()")
    monkeypatch.chdir(tmp_path)
    with closing(IsolatedReading(ABSENT)) as reading:
        started(reading)
    assert not (tmp_path / "run").exists()


def test_it_has_limits_of_memory_and_leaves_no_core_file() -> None:
    with closing(IsolatedReading(ABSENT)) as reading:
        limits = Path(f"/proc/{started(reading)}/limits").read_text()
        rows = {row[:25].strip(): row[25:].split() for row in limits.splitlines()}
        assert rows["Max core file size"][:2] == ["0", "0"]
        assert int(rows["Max address space"][0]) < 2**30


async def test_it_ends_when_its_parent_is_killed() -> None:
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from qmd_mcp.corpus.isolation.isolated_reading import IsolatedReading
        reading = IsolatedReading(Path("none"))
        assert reading.is_text(b"text", "a.md", seconds=5)
        print(*reading.processes(), flush=True)
        sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        reader = int(parent.stdout.readline())
        assert Path(f"/proc/{reader}").exists()
        parent.send_signal(signal.SIGKILL)
    with anyio.fail_after(60):
        while _runs(reader):  # noqa: ASYNC110  of a process there is no event
            await anyio.sleep(0.02)


def test_a_page_that_prints_would_not_reach_the_protocol_of_a_server() -> None:
    """A server over stdio has its protocol on standard output; what a reader prints goes nowhere."""
    program = textwrap.dedent("""
        from pathlib import Path
        from qmd_mcp.corpus.isolation.isolated_reading import IsolatedReading
        reading = IsolatedReading(Path("none"))
        assert reading.is_text(b"text", "a.md", seconds=5)
        (pid,) = reading.processes()
        import os, json
        print(json.dumps([os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1, 2)]))
        reading.close()
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["/dev/null"] * 3
    assert done.stderr == ""


def test_nothing_is_started_before_there_is_something_to_read() -> None:
    with closing(IsolatedReading(ABSENT)) as reading:
        assert reading.processes() == ()
        assert reading.cut([]) == []
        assert reading.processes() == ()
        reading.lines(b"text", "a.md", LinesAsked())
        assert len(reading.processes()) == 1


def _runs(pid: int) -> bool:
    """Whether a process runs; one whose parent is gone may wait for a reaper that this machine does not have."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}
