"""The lines of a part are those that it shows."""

from qmd_mcp.domain.documents import Passage
from qmd_mcp.retrieval.answering.paging import Part
from qmd_mcp.retrieval.grouping.spans import Span
from qmd_mcp.retrieval.showing.piece import Piece


def test_blank_lines_at_either_end_of_a_part_are_not_cited() -> None:
    text = "first line\n\n\nlast line"
    passage = Passage("d", "c", "a.md", "", 0, (), "", text, 10, 13, 0, len(text))
    span = Span(passage, (passage,), rank=0)
    start = text.index("\n\n") + 1
    assert Part(span, Piece("first line", 0, start), packed=True).lines == (10, 10)
    assert Part(span, Piece("last line", start, len(text)), packed=True).lines == (13, 13)
    assert Part(span, Piece(text, 0, len(text)), packed=False).lines == (10, 13)
