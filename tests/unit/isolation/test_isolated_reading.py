"""Reading files in processes of their own: the same results, and only the file that is to blame is left out."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from qmd_mcp.corpus.chunking.chunker import Chunker
from qmd_mcp.corpus.isolation.isolated_reading import IsolatedReading
from qmd_mcp.corpus.isolation.process_limits import Limits
from qmd_mcp.corpus.isolation.reading_work import CutFile, FileBytes, cut, lines
from qmd_mcp.corpus.library.excerpt import BeyondEnd, LinesAsked, NoSection
from qmd_mcp.domain.answers import Skip
from qmd_mcp.errors import EngineClosingError, ModelError
from qmd_mcp.inference.loading import user_catalogue

TOKENIZER = user_catalogue().embedder("mini").folder / "tokenizer.json"
BODY = "Text.\n\n- item\n  - inner\n\n| a | b |\n|---|---|\n| 1 | é |\n\n```python\nx = 1\n```\n"
PAGES = {
    "a.md": f"---\ntitle: Bees\ntags: [hive, honey/wax]\ndate: 2026-03-01\n---\n# One\n\n{BODY * 30}## Two\n\n{BODY}",
    "toml.md": f"+++\ntitle = 'T'\naliases = ['U']\n+++\n# One\n\n{BODY}",
    "b.rst": f"One\n===\n\n{BODY * 40}\nTwo\n---\n\nMore.\n",
    "c.html": f"<title>T</title><h1>One</h1><p>R&amp;D &#233;</p><pre>{BODY}</pre><table><tr><th>a<th>b</table>",
    "d.org": f"#+TITLE: Org\n* One :tag:\n{BODY * 20}** TODO Two\nText\n",
    "e.adoc": f"= One\n:keywords: x, y\n\n{BODY * 20}\n== Two\n\nText\n",
    "f.csv": "name,value\n" + "".join(f"row {number},{number}\n" for number in range(2_000)),
    "g.py": "import os\n\n\n" + "def one():\n    return 1\n\n\n" * 300,
    "h.txt": "一句话。另一句话。\n" * 400,
    "empty.md": "\n",
    "binary.md": "a\0b",
}
FILES = [FileBytes(name, text.encode()) for name, text in PAGES.items()]
GOOD = FileBytes("good.md", b"# Good\n\nText.")
SLOW = FileBytes("slow.md", b"# a\n" * 300_000)
"""As many headings as lines: 2 s of processor time and 120 MB, the most that a file of its size is known to take."""

if sys.platform == "win32":
    pytest.skip("the limits that these tests reach are those of Linux and macOS", allow_module_level=True)


@pytest.fixture(scope="module")
def reading() -> Iterator[IsolatedReading]:
    with closing(IsolatedReading(TOKENIZER)) as reading:
        yield reading


def limited(**limits: float) -> closing[IsolatedReading]:
    return closing(IsolatedReading(TOKENIZER, limits=Limits(**limits)))  # type: ignore[arg-type]  # numbers either way


def test_files_of_every_format_are_cut_as_in_this_process(reading: IsolatedReading) -> None:
    chunker = Chunker(Tokenizer.from_file(str(TOKENIZER)))
    assert reading.cut(FILES) == [cut(file, chunker) for file in FILES]
    assert any(isinstance(each, CutFile) and each.properties.tags for each in reading.cut(FILES))


@pytest.mark.parametrize(
    "asked",
    [
        LinesAsked(),
        LinesAsked(from_line=3, max_lines=2, line_numbers=True),
        LinesAsked(section="Two", room=50),
        LinesAsked(section="none"),
        LinesAsked(from_line=100_000),
    ],
)
def test_lines_are_read_as_in_this_process(reading: IsolatedReading, asked: LinesAsked) -> None:
    for file in FILES:
        assert reading.lines(file.data, file.path, asked) == lines(file, asked)


def test_what_cannot_be_found_is_told_with_what_there_is(reading: IsolatedReading) -> None:
    page = FileBytes("a.md", b"# One\n\n" + b"## Part\n\nText\n\n" * 30)
    assert reading.lines(page.data, "a.md", LinesAsked(section="x")) == NoSection(("One", *["Part"] * 19), 31)
    assert reading.lines(page.data, "a.md", LinesAsked(from_line=500)) == BeyondEnd(122)


def test_text_is_told_from_what_is_none(reading: IsolatedReading) -> None:
    assert reading.is_text(b"text", "a.md", seconds=1)
    assert not reading.is_text(b"a\0b", "a.md", seconds=1)
    assert not reading.is_text(b" \n", "a.md", seconds=1)


def test_a_file_that_takes_too_long_is_left_out_and_the_others_of_its_batch_are_read() -> None:
    with limited(seconds=0.3, seconds_per_mb=0) as reading:
        first, slow, last = reading.cut([GOOD, SLOW, GOOD])
        assert slow == Skip("slow.md", "takes too long to read")
        assert first == last != slow
        assert isinstance(first, CutFile)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_a_file_that_takes_too_much_memory_is_left_out_and_the_others_of_its_batch_are_read() -> None:
    with limited(memory=8_000_000, memory_per_byte=0) as reading:
        _, greedy, last = reading.cut([GOOD, SLOW, GOOD])
        assert greedy == Skip("slow.md", "takes too much memory to read")
        assert isinstance(last, CutFile)


def test_a_file_that_ended_its_process_is_not_tried_again() -> None:
    with limited(seconds=0.3, seconds_per_mb=0) as reading:
        reading.cut([SLOW])
        assert reading.processes() == ()
        assert reading.cut([SLOW]) == [Skip("slow.md", "takes too long to read")]
        assert reading.lines(SLOW.data, "renamed.md", LinesAsked()) == Skip("renamed.md", "takes too long to read")
        assert not reading.is_text(SLOW.data, "slow.md", seconds=60)
        assert reading.processes() == ()


def test_whether_a_file_is_text_is_told_within_the_time_there_is() -> None:
    with limited() as reading:
        deep = b"# a\n" * 1_000_000
        assert not reading.is_text(deep, "deep.md", seconds=0)
        assert reading.is_text(b"text", "a.md", seconds=0)


def test_a_process_that_was_killed_while_it_was_idle_is_replaced(reading: IsolatedReading) -> None:
    assert reading.is_text(b"first", "a.md", seconds=1)
    for pid in reading.processes():
        os.kill(pid, signal.SIGKILL)
    assert reading.is_text(b"second", "a.md", seconds=1)
    assert isinstance(reading.cut([GOOD])[0], CutFile)


def test_a_process_that_neither_works_nor_answers_is_ended() -> None:
    with limited(seconds=0.1, seconds_per_mb=0, patience_seconds=0.5) as reading:
        assert isinstance(reading.cut([GOOD])[0], CutFile)
        (pid,) = reading.processes()
        os.kill(pid, signal.SIGSTOP)
        assert reading.cut([GOOD]) == [Skip("good.md", "takes too long to read")]
        assert pid not in reading.processes()


@pytest.mark.skipif(sys.platform != "linux", reason="whether a process works is seen in /proc")
def test_closing_ends_every_process_also_one_that_works() -> None:
    with limited() as reading:
        assert isinstance(reading.cut([GOOD])[0], CutFile)
        failed: list[BaseException] = []

        def work() -> None:
            try:
                reading.cut([SLOW, SLOW, SLOW])
            except EngineClosingError as error:
                failed.append(error)

        before = _processor_ticks(reading.processes()[0])
        thread = threading.Thread(target=work)
        thread.start()
        processes = reading.processes()
        while _processor_ticks(processes[0]) < before + 5:
            thread.join(0.01)
        reading.close()
        thread.join(60)
        assert len(failed) == 1
        assert reading.processes() == ()
        for pid in processes:
            with pytest.raises(ProcessLookupError):  # it is gone, and no zombie is left
                os.kill(pid, 0)


def test_many_threads_share_the_processes(reading: IsolatedReading) -> None:
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(reading.cut(FILES))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(each == results[0] for each in results)
    assert len(results) == 6


def test_a_tokenizer_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    for path in (broken, tmp_path / "absent.json"):
        with (
            closing(IsolatedReading(path)) as reading,
            pytest.raises(ModelError, match=f"The tokenizer {tmp_path.name}/{path.name} cannot be read: "),
        ):
            reading.cut([GOOD])


def _processor_ticks(pid: int) -> int:
    """How long a process has worked, in hundredths of a second."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])
