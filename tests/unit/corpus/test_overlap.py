"""Pieces of one long section."""

from itertools import pairwise
from pathlib import Path

import pytest

from qmd_mcp.corpus.chunking.chunker import OVERLAP, Chunker
from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.domain.documents import Passage
from qmd_mcp.inference.loading import user_catalogue
from qmd_mcp.inference.runtime.tokenizer import read_tokenizer

TOKENIZER = read_tokenizer(user_catalogue().embedder("mini").folder)
SENTENCES = [f"Sentence number {number} tells of the {number} ships that came and went." for number in range(80)]


def passages(text: str, path: str = "a.md") -> tuple[Passage, ...]:
    source = read(text.encode(), path)
    assert isinstance(source, SourceText)
    return Chunker(TOKENIZER).passages(source, docid="d", collection="c", path=path)


@pytest.mark.parametrize("separator", [" ", "\n", "\n\n"])
def test_a_piece_begins_with_the_last_sentence_of_the_one_before(separator: str) -> None:
    text = "# Harbour\n\n" + separator.join(SENTENCES) + "\n"
    cut = passages(text)
    assert len(cut) > 3
    for before, piece in pairwise(cut):
        shared = before.text[before.text.rindex("Sentence") :]
        assert piece.text.startswith(shared)
        assert before.end_char > piece.start_char > before.start_char
        assert len(TOKENIZER.encode(shared, add_special_tokens=False).ids) <= OVERLAP
    for piece in cut:
        assert len(TOKENIZER.encode(piece.text, add_special_tokens=False).ids) <= 220
        assert text[piece.start_char : piece.end_char] == piece.text
        lines = text.split("\n")[piece.start_line - 1 : piece.end_line]
        assert piece.text in "\n".join(lines)
        assert piece.start_line == 1 + text.count("\n", 0, piece.start_char)


def test_sections_do_not_overlap() -> None:
    text = "\n\n".join(f"# Part {part}\n\n{' '.join(SENTENCES[part * 5 : part * 5 + 8])}" for part in range(6))
    cut = passages(text)
    assert len(cut) == 6
    assert all(before.end_char <= piece.start_char for before, piece in pairwise(cut))


def test_the_repository_itself_is_cut_into_slices_with_right_lines() -> None:
    root = Path(__file__).parents[3]
    for name in ("README.md", "qmd_mcp/application/engine.py", "examples/notes/web/onboarding.html"):
        path = root / name
        source = read(path.read_bytes(), path.name)
        assert isinstance(source, SourceText)
        for piece in Chunker(TOKENIZER).passages(source, docid="d", collection="c", path=path.name):
            assert source.text[piece.start_char : piece.end_char] == piece.text
            first = 1 + source.text.count("\n", 0, piece.start_char)
            assert piece.start_line == source.source_line(first)
