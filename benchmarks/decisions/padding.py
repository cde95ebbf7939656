"""What share of a reranker's tokens is padding, over lists of real passages.

Passages are cut as for the index, with the tokenizer of the embedder that ships, and drawn 40 at a time at random,
because the candidates of a query come from all over a collection. No model is run.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean

from benchmarks.parts.machine import headed, positive, provenance
from qmd_mcp.corpus.chunking.chunker import Chunker
from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.inference.hub.manifest import TOKEN_BUDGET
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.inference.reranking.batching import padding, plan
from qmd_mcp.inference.reranking.pair_template import PairTemplate
from qmd_mcp.inference.runtime.tokenizer import read_tokenizer

CANDIDATES = 40
QUERY = "how do I make this work without losing what I have?"
"""A query of average length; a prompt or a longer query beside every passage makes the share of padding smaller."""
SUFFIXES = {".md", ".mdx", ".rst", ".txt", ".html"}


def main(arguments: Sequence[str]) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decisions.padding", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="folders of documents")
    parser.add_argument("--lists", type=positive, default=200, help="lists that are drawn (default 200)")
    options = parser.parse_args(arguments)
    table = [
        ["padding", "passages", "tokens of a pair, mean", "all in one", "sorted, batches of 8", "planned", "forwards"]
    ]
    embedder = user_catalogue().embedder("mini")
    tokenizer = read_tokenizer(embedder.folder)
    template = PairTemplate(tokenizer, model="pairs", max_tokens=embedder.manifest.max_tokens * 2)
    chunker = Chunker(tokenizer)
    for folder in options.folders:
        lengths = [len(pair) for pair in template.encode(QUERY, list(passages(folder, chunker)))]
        shares: list[tuple[float, float, float]] = []
        forwards: list[int] = []
        draw = random.Random(0)  # noqa: S311  no secret
        for _ in range(options.lists):
            drawn = draw.sample(lengths, CANDIDATES)
            order = sorted(range(CANDIDATES), key=lambda row: drawn[row])
            eights = [order[start : start + 8] for start in range(0, CANDIDATES, 8)]
            planned = plan(drawn, fits=lambda rows, tokens: rows * tokens <= TOKEN_BUDGET)
            shares.append((padding(drawn, [order]), padding(drawn, eights), padding(drawn, planned)))
            forwards.append(len(planned))
        columns = [f"{mean(column):.1%}" for column in zip(*shares, strict=True)]
        name = folder.name if folder.name != "files" else folder.parent.name
        table.append([name, f"{len(lengths):,}", f"{mean(lengths):.0f}", *columns, f"{mean(forwards):.1f}"])
    print(headed(provenance("benchmarks.decisions.padding", arguments), table))


def passages(folder: Path, chunker: Chunker) -> Iterator[str]:
    """The texts that a reranker would read: each passage with its breadcrumb."""
    for path in sorted(folder.rglob("*")):
        if path.suffix not in SUFFIXES or not path.is_file():
            continue
        source = read(path.read_bytes(), path.name)
        if isinstance(source, SourceText):
            for passage in chunker.passages(source, docid="", collection="", path=path.name):
                yield passage.embedded_text


if __name__ == "__main__":
    main(sys.argv[1:])
