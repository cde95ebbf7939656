"""Queries made of a folder of documents, for measurements without an evaluation set."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path

SUFFIXES = (".md", ".mdx", ".markdown", ".rst", ".txt")
PAGES_PER_QUERY = 4
"""Pages that are read for each query wanted, since some pages have no sentence."""

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
FENCE = re.compile(r"^(```|~~~).*?(^\1|\Z)", re.DOTALL | re.MULTILINE)
NO_PROSE = re.compile(r"^(#|[-*+|=<:{`!\[]|\d+[.)]|import |export |\.\. )|https?://")
LINK = re.compile(r"!?\[([^\]\[]*)\]\([^)]*\)|\[\[(?:[^\]|]*\|)?([^\]]*)\]\]")
"""A link of Markdown or of a wiki; one of the groups is the text that it shows."""

MARKUP = re.compile(r"[`*_]|</?[A-Za-z][^>]*>")
SENTENCE_END = re.compile(r"(?<=[.!?])\s|(?<=[。！？])")
LENGTHS = range(12, 201)
"""Numbers of characters that a sentence may have to be a query."""


def derive_queries(folder: Path, *, count: int) -> tuple[str, ...]:
    """The opening sentences of sampled pages: as many as wanted, or as there are.

    Pages are taken in the order of the SHA-256 of their path. Every page gives its first sentence before any gives
    its second, and so on. Front matter, headings, lists, tables, code and lines with an address do not count.
    """
    files = [path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file()]
    files.sort(key=lambda path: hashlib.sha256(path.relative_to(folder).as_posix().encode()).digest())
    pages = [
        list(sentences(path.read_text(encoding="utf-8", errors="replace"))) for path in files[: count * PAGES_PER_QUERY]
    ]
    in_turn = (sentence for sentence in chain.from_iterable(zip_longest(*pages)) if sentence is not None)
    return tuple(islice(dict.fromkeys(in_turn), count))


def sentences(text: str) -> Iterator[str]:
    """The first sentence of each paragraph of a page."""
    body = FENCE.sub("\n", FRONT_MATTER.sub("", text))
    for paragraph in re.split(r"\n\s*\n", body):
        line = paragraph.strip().removeprefix(">").strip().partition("\n")[0]
        if not line or NO_PROSE.search(line):
            continue
        plain = MARKUP.sub("", LINK.sub(r"\1\2", line))
        sentence = SENTENCE_END.split(plain, maxsplit=1)[0].strip()
        if len(sentence) in LENGTHS:
            yield sentence
