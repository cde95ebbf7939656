"""Mutated documents of every format, read by the processes that read files.

Documents of a folder and small pages of every format are damaged and exaggerated: bits are flipped, ends are cut off,
pieces are repeated, nested and swapped, numbers become giant, and letters get thousands of marks. They go through
`IsolatedReading` in batches, with an honest document in each, and rows for the index are made of what comes back. The
table says what became of them, how much memory a reader process took, and how long the slowest batch and the slowest
rows took. The exit status is 1 if an honest document was not read, or if this process grew with what it was given.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.parts.machine import headed, memory, positive, provenance
from qmd_mcp.application.engine import DEFAULT_PROFILE
from qmd_mcp.corpus.isolation.isolated_reading import IsolatedReading
from qmd_mcp.corpus.isolation.reading_work import CutFile, FileBytes
from qmd_mcp.corpus.readers.formats import READERS
from qmd_mcp.domain.documents import Document
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.store.lance.schema import passage_rows

BATCH = 40
MOST = 6_000
LARGEST = 400_000
LARGE_SHARE = 0.02
"""Most bytes of most documents, and of the few in which quadratic time would be seen."""

MOST_GROWTH = 600_000_000
"""Bytes by which this process may grow, whatever it is given."""

HONEST = FileBytes("honest.md", b"# Honest\n\nA page that has to be read whatever its neighbours do.\n")

EXTENSIONS = (*READERS, "py", "js", "toml", "yaml", "c", "")

SEEDS = (
    b"---\ntitle: T\ntags: [a, b/c]\naliases: {x: [1, 2]}\ndate: 2026-03-01\n---\n# H\n\n- a\n  - b\n\n| a |\n|---|\n",
    b"+++\ntitle = 'T'\n[extra]\na.b = [1, {c = 2}]\n+++\n# H\n\n```python\nx = 1\n```\n> quote\n",
    b"<html><title>T</title><h1>H</h1><p>a &amp; &#233; <b>c</b></p><table><tr><th>a<th>b<tr><td>1</table><pre>x</pre>",
    b"#+TITLE: T\n#+FILETAGS: :a:b:\n* H :t:\n** TODO [#A] x\n#+begin_src\nx\n#+end_src\n| a | b |\n|---+---|\n| 1 |\n",
    b"= T\nAuthor <a@b>\nv1.0, 2026-03-01\n:keywords: a, b\n\n== H\n\n----\nx\n----\n\n|===\n|a |b\n\n|1 |2\n|===\n",
    b"T\n=\n\nH\n-\n\n* a\n\n  b\n\n.. code:: python\n\n   x\n",
    b'name,value\n"a ""b""",1\nc,2\n',
    b"def f(x):\n    return x\n\n\nclass C:\n    pass\n",
)

TOKENS = (
    *(b"#", b"# ", b"- ", b"> ", b"* ", b"+ ", b"1. ", b"|", b"|-", b"```\n", b"~~~", b"`", b"*", b"_", b"[", b"]("),
    *(b"<", b"</", b">", b"<!--", b"-->", b"<![", b"<?", b"<p>", b"<pre>", b"<table><tr><td>", b"<script>", b"&", b")"),
    *(b"&#", b";", b"---\n", b"+++\n", b"a: ", b"a = ", b"{", b"}", b"{a = ", b"[[", b"]]", b"&a ", b"*a ", b"<<: "),
    *(b"!!", b"? ", b"'", b'"', b"\\", b",", b":", b"=\n", b"===\n", b"|===\n", b"----\n", b"#+begin_a\n", b"\t", b" "),
    *(b"#+end_a\n", b"\n", b"\n\n", b"\r", b"\0", b"\x1b", b"\xff", b"\xfe", b"\xef\xbb\xbf", b"9", b"0", b"x", b".a"),
    *("\u0301\u0316".encode(), "\uff9e\u0316".encode(), "\u202e".encode(), "字".encode(), "ﷺ".encode(), "é".encode()),
    *("🙂".encode(), "\U000e0041".encode(), "\u2028".encode(), "가".encode(), "ー".encode()),
)

PAIRS = ((b"[", b"]"), (b"{a: ", b"}"), (b"{a = ", b"}"), (b"<div>", b"</div>"), (b"(", b")"), (b"<ul><li>", b"</ul>"))


def main(arguments: Sequence[str]) -> None:
    """Read mutated documents and print what became of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz.hostile_documents", description=__doc__)
    parser.add_argument("folder", type=Path, help="documents to mutate")
    parser.add_argument("--count", type=positive, default=100_000, metavar="N", help="documents (default 100,000)")
    parser.add_argument("--minutes", type=positive, default=60, metavar="N", help="stop after this time (default 60)")
    parser.add_argument("--seed", type=int, default=0, help="what the documents are made from (default 0)")
    options = parser.parse_args(arguments)
    seeds = [*SEEDS, *(path.read_bytes() for path in sorted(options.folder.rglob("*"))[:400] if path.is_file())]
    tokenizer = user_catalogue().embedder(DEFAULT_PROFILE).folder / "tokenizer.json"
    watched = Watched()
    with closing(IsolatedReading(tokenizer)) as reading, watched.beside(reading):
        outcomes = read_all(reading, seeds, watched, options)
    rows = [("what", "value"), *((name, f"{number:,}") for name, number in sorted(outcomes.items()))]
    rows += watched.rows()
    print(headed(provenance("benchmarks.fuzz.hostile_documents", arguments), rows))
    if outcomes["honest documents that were not read"] or watched.growth > MOST_GROWTH:
        sys.exit(1)


class Watched:
    """The largest reader process, the growth of this one, and the slowest batch and rows."""

    def __init__(self) -> None:
        self.most = 0
        self.growth = 0
        self.slowest_batch = 0.0
        self.slowest_rows = 0.0
        self.started: set[int] = set()
        self._end = threading.Event()

    def beside(self, reading: IsolatedReading) -> closing[Watched]:
        """Look at the processes twenty times a second, until this is closed."""
        threading.Thread(target=self._watch, args=(reading, memory("VmRSS")), daemon=True).start()
        return closing(self)

    def close(self) -> None:
        """Stop looking."""
        self._end.set()

    def rows(self) -> list[tuple[str, str]]:
        """What was seen."""
        return [
            ("reader processes", f"{len(self.started):,}"),
            ("largest reader process", f"{self.most / 1e6:,.0f} MB"),
            ("growth of this process", f"{self.growth / 1e6:,.0f} MB"),
            ("slowest batch", f"{self.slowest_batch:.1f} s"),
            ("slowest rows of one document", f"{self.slowest_rows:.2f} s"),
        ]

    def _watch(self, reading: IsolatedReading, before: int) -> None:
        while not self._end.wait(0.05):
            self.growth = max(self.growth, memory("VmRSS") - before)
            for pid in reading.processes():
                self.started.add(pid)
                self.most = max(self.most, _peak(pid))


def read_all(
    reading: IsolatedReading, seeds: Sequence[bytes], watched: Watched, options: argparse.Namespace
) -> Counter[str]:
    """Read batches until there are enough documents or the time is over."""
    outcomes: Counter[str] = Counter()
    until = time.monotonic() + 60 * options.minutes
    chance = random.Random(options.seed)  # noqa: S311  documents, not secrets
    while outcomes["documents"] < options.count and time.monotonic() < until:
        files = [*made(chance, seeds, min(BATCH, options.count - outcomes["documents"])), HONEST]
        started = time.perf_counter()
        *results, honest = reading.cut(files)
        watched.slowest_batch = max(watched.slowest_batch, time.perf_counter() - started)
        outcomes["honest documents that were not read"] += not isinstance(honest, CutFile)
        outcomes["documents"] += len(results)
        for file, result in zip(files, results, strict=False):
            if isinstance(result, CutFile):
                outcomes["read"] += 1
                watched.slowest_rows = max(watched.slowest_rows, seconds_of_rows(file, result))
            else:
                outcomes[f"left out: {result.reason}"] += 1
                if result.reason.startswith(("takes", "its")):
                    sys.stderr.write(f"{result.reason}: {file.path}, {len(file.data):,} bytes {file.data[:60]!r}\n")
    return outcomes


def seconds_of_rows(file: FileBytes, result: CutFile) -> float:
    """How long it takes to make rows of a document, which happens in the process that serves."""
    document = Document("d" * 32, "c", file.path, result.title, "h", 1, 1, 1, len(result.passages), result.properties)
    started = time.thread_time()
    passages = result.passages_of(document)
    passage_rows(passages, [None] * len(passages), dimension=4)
    return time.thread_time() - started


def made(chance: random.Random, seeds: Sequence[bytes], count: int) -> Iterator[FileBytes]:
    """Documents that are damaged or exaggerated."""
    for number in range(count):
        data = chance.choice(seeds[: len(SEEDS)] if chance.random() < 0.6 else seeds)
        most = LARGEST if chance.random() < LARGE_SHARE else MOST
        for _ in range(chance.randint(1, 4)):
            data = chance.choice(MUTATIONS)(chance, data)[:most]
        extension = chance.choice(EXTENSIONS)
        yield FileBytes(f"{number}.{extension}" if extension else str(number), data)


def flipped(chance: random.Random, data: bytes) -> bytes:
    """Some bits are the other way round."""
    changed = bytearray(data or b"\0")
    for _ in range(chance.randint(1, 30)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut_off(chance: random.Random, data: bytes) -> bytes:
    """The beginning or the end is missing."""
    place = chance.randint(0, len(data))
    return data[place:] if chance.random() < 0.3 else data[:place]


def repeated(chance: random.Random, data: bytes) -> bytes:
    """A piece of the document stands there many times."""
    start = chance.randint(0, len(data))
    piece = data[start : start + chance.randint(1, 80)]
    return data[:start] + piece * chance.choice((10, 100, 1_000, 10_000)) + data[start:]


def filled(chance: random.Random, data: bytes) -> bytes:
    """One or two tokens stand somewhere many times: nesting, giant numbers, marks, long lines."""
    piece = b"".join(chance.choice(TOKENS) for _ in range(chance.randint(1, 3)))
    place = chance.randint(0, len(data))
    times = chance.choice((3, 70, 5_000, 5_000, 60_000))
    return data[:place] + piece * times + data[place:]


def nested(chance: random.Random, data: bytes) -> bytes:
    """Something is opened many times and closed as often."""
    opening, ending = chance.choice(PAIRS)
    place, times = chance.randint(0, len(data)), chance.choice((30, 1_000, 30_000))
    return data[:place] + opening * times + b"x" + ending * times + data[place:]


def joined(chance: random.Random, data: bytes) -> bytes:
    """Another format follows."""
    return data + chance.choice(SEEDS)


def encoded_anew(chance: random.Random, data: bytes) -> bytes:
    """The text stands there in another encoding."""
    return data.decode(errors="replace").encode(chance.choice(("utf-16", "utf-32", "gb18030", "cp1252")), "replace")


MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(flipped, cut_off, repeated, filled, filled, filled, nested, joined, encoded_anew),
)


def _peak(pid: int) -> int:
    """The most memory that another process has had; 0 where that is not told, or if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(row.split()[1]) * 1024 for row in status.splitlines() if row.startswith("VmHWM:")), 0)


if __name__ == "__main__":
    main(sys.argv[1:])
