"""Whether any bytes break the code that reads queries, documents and references, guided by coverage.

It needs atheris (`pip install atheris`), which nothing else here does: inputs that reach new code are kept and changed
further. Each target runs from a seed in a process of its own for the seconds that it is given, starting from the files
of a folder. A target fails if it raises an error that is not meant for the caller, or takes longer than five seconds
for one input; libFuzzer then writes that input to the working folder and names the file.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.parts.machine import headed, positive, provenance
from qmd_mcp.errors import QmdError

LONGEST_SECONDS = 5
LONGEST_INPUT = 8_192
"""Bytes of an input: twice the longest query, and several passages of a document."""

NAMES = ("a.md", "a.mdx", "a.html", "a.txt", "a.py", "a.rst", "a.json", "a.org", "a")
"""File names of each kind of document; the first byte of an input chooses one."""

TARGETS = ("query", "document", "reference")
DONE = re.compile(r"Done (\d+) runs")
REACHED = re.compile(r"cov: (\d+)")


def main(arguments: Sequence[str]) -> None:
    """Run every target and print how far each came."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz.coverage", description=__doc__)
    parser.add_argument("folder", type=Path, help="files to start from")
    parser.add_argument("--seconds", type=positive, default=120, metavar="S", help="of each target (default 120)")
    parser.add_argument("--seed", type=positive, default=1, help="what the inputs are made from (default 1)")
    parser.add_argument("--target", choices=TARGETS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.target:
        fuzz(options.target, options.folder, seconds=options.seconds, seed=options.seed)
    rows = [("target", "inputs", "edges reached", "outcome")]
    for target in TARGETS:
        command = [sys.executable, "-m", "benchmarks.fuzz.coverage", *arguments, "--target", target]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        count, reached = DONE.findall(done.stderr), REACHED.findall(done.stderr)
        if done.returncode:
            said = (line for line in done.stderr.splitlines(keepends=True) if not line.startswith(("#", "INFO")))
            sys.stderr.writelines(said)
        shown = (f"{int(count[-1]):,}" if count else "?", reached[-1] if reached else "?")
        rows.append((target, *shown, "failed" if done.returncode else "nothing broke"))
    print(headed(provenance("benchmarks.fuzz.coverage", arguments), rows))
    if any(row[-1] == "failed" for row in rows):
        sys.exit(1)


def fuzz(target: str, folder: Path, *, seconds: int, seed: int) -> None:
    """Fuzz one target; the process ends with it."""
    import atheris

    with atheris.instrument_imports(
        include=["qmd_mcp.corpus", "qmd_mcp.retrieval.query.syntax", "qmd_mcp.retrieval.showing"]
    ):
        work = {"query": query_target, "document": document_target, "reference": reference_target}[target]()

    def one(data: bytes) -> None:
        with suppress(QmdError):  # an error that is meant for the caller
            work(data)

    with TemporaryDirectory() as found:
        limits = [f"-max_total_time={seconds}", f"-timeout={LONGEST_SECONDS}", f"-max_len={LONGEST_INPUT}"]
        atheris.Setup([sys.argv[0], *limits, f"-seed={seed}", found, str(folder)], one)
        atheris.Fuzz()


def query_target() -> Callable[[bytes], object]:
    """Parse a query, and cut a snippet of a text for it."""
    from qmd_mcp.retrieval.query.syntax import parse
    from qmd_mcp.retrieval.showing.snippet import snippet
    from qmd_mcp.retrieval.showing.text_matches import Sought
    from qmd_mcp.store.lance.sql import in_scope

    def work(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape" if data[:1] == b"\0" else "replace")
        parsed = parse(text[:500])
        in_scope(parsed.filters)
        snippet(text, Sought.of(parsed.lexical))

    return work


def document_target() -> Callable[[bytes], object]:
    """Read a document of any encoding, front matter and markup, down to passages that can be written."""
    from qmd_mcp.application.engine import DEFAULT_PROFILE
    from qmd_mcp.corpus.chunking.chunker import Chunker
    from qmd_mcp.corpus.readers.formats import read
    from qmd_mcp.corpus.readers.source_text import SourceText
    from qmd_mcp.inference.loading import user_catalogue
    from qmd_mcp.inference.runtime.tokenizer import read_tokenizer

    chunker = Chunker(read_tokenizer(user_catalogue().embedder(DEFAULT_PROFILE).folder))

    def work(data: bytes) -> None:
        name = NAMES[data[0] % len(NAMES)] if data else NAMES[0]
        source = read(data[1:], name)
        if isinstance(source, SourceText):
            for passage in chunker.passages(source, docid="0" * 64, collection="c", path=name):
                passage.embedded_text.encode()

    return work


def reference_target() -> Callable[[bytes], object]:
    """Parse references, globs and names of collections."""
    from qmd_mcp.corpus.library.reference import readings
    from qmd_mcp.corpus.scanning.collection_checks import check_globs, check_name
    from qmd_mcp.corpus.scanning.globs import compile_globs, expand_globs

    def work(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        readings(text)
        for check in (lambda: check_globs((text,)), lambda: check_name(text)):
            with suppress(QmdError):
                check()
        compile_globs(expand_globs(text.split("\n"))).matches(text)

    return work


if __name__ == "__main__":
    main(sys.argv[1:])
