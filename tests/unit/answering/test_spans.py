"""Neighbours, duplicates and the share of one document."""

from dataclasses import replace
from pathlib import Path

from qmd_mcp.domain.documents import Collection, Document, Passage, docid_of
from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.retrieval.grouping.spans import Grouping, Span
from qmd_mcp.retrieval.showing.text_matches import Sought

COLLECTIONS = {"c": Collection("c", Path("/c"), ("**/*.md",))}
LINES = [f"Line {number} tells of ship {number} and of its {number * 7} sailors." for number in range(60)]
TEXT = "\n".join(LINES)


def passage(path: str, ordinal: int, text: str, *, start: int = 0) -> Passage:
    docid = docid_of("c", path, "x")
    first = 1 + TEXT.count("\n", 0, start)
    return Passage(
        docid, "c", path, path, ordinal, (), "", text, first, first + text.count("\n"), start, start + len(text)
    )


def cut(path: str, ordinal: int, first: int, last: int) -> Passage:
    """Lines of the text, both included, from 0."""
    start = len("\n".join(LINES[:first])) + (1 if first else 0)
    return passage(path, ordinal, "\n".join(LINES[first : last + 1]), start=start)


def documents(*passages: Passage) -> dict[str, Document]:
    return {p.docid: Document(p.docid, "c", p.path, p.title, p.docid, 1, 1, 1, 9) for p in passages}


def spans(*ranked: Passage, limit: int = 10, per_document: int = 0) -> tuple[Span, ...]:
    return grouped(Grouping(per_document=per_document), *ranked, seen=ranked, limit=limit)


def grouped(grouping: Grouping, *ranked: Passage, seen: tuple[Passage, ...], limit: int) -> tuple[Span, ...]:
    sought = Sought.of(LexicalQuery(words=("ship",)))
    return grouping.spans(ranked, sought=sought, documents=documents(*seen), collections=COLLECTIONS, limit=limit)


def test_neighbours_are_one_span_that_has_their_overlap_once() -> None:
    first, second = cut("a", 0, 0, 9), cut("a", 1, 8, 20)
    (span,) = spans(second, first)
    assert span.best is second
    assert span.text == "\n".join(LINES[:21])
    assert (span.start_line, span.end_line) == (1, 21)


def test_passages_with_one_between_them_stay_apart_until_it_comes() -> None:
    first, second, third = cut("a", 0, 0, 9), cut("a", 1, 8, 20), cut("a", 2, 19, 30)
    other = cut("b", 0, 40, 50)
    assert [each.passages for each in spans(first, third)] == [(first,), (third,)]
    joined = spans(third, other, first, second)
    assert [(each.best, each.passages) for each in joined] == [(third, (first, second, third)), (other, (other,))]
    assert joined[0].text == "\n".join(LINES[:31])


def test_joined_passages_keep_the_blank_lines_between_them_and_every_line_its_number() -> None:
    first, second = cut("a", 0, 0, 3), cut("a", 1, 6, 9)
    (span,) = spans(first, second)
    assert span.text.split("\n") == [*LINES[:4], "", "", *LINES[6:10]]
    assert span.lines(0, 9) == (1, 10)
    assert span.lines(6, 7) == (7, 8)


def test_lines_of_a_text_that_has_others_than_its_file_are_those_of_the_whole() -> None:
    page = replace(cut("a", 0, 0, 3), end_line=40)
    assert Span(page, (page,), rank=0).lines(1, 2) == (1, 40)


def test_there_is_one_span_more_than_asked_for_wherever_there_is_one() -> None:
    ranked = [cut(f"{number}", 0, number, number + 3) for number in range(50)]
    assert [len(spans(*ranked, limit=limit)) for limit in (30, 49, 50, 60)] == [31, 50, 50, 50]


def test_a_span_has_three_passages_at_most() -> None:
    pieces = [cut("a", number, number * 5, number * 5 + 4) for number in range(5)]
    assert [len(each.passages) for each in spans(*pieces)] == [3, 2]


def test_a_passage_that_says_nearly_the_same_is_named_by_the_better_one() -> None:
    licence = " ".join(LINES[:8])
    old, new = passage("a", 0, f"{licence} 2025"), passage("b", 0, f"{licence} 2026")
    other = passage("d", 0, " ".join(LINES[30:36]))
    kept = spans(old, other, new)
    assert [each.best for each in kept] == [old, other]
    assert kept[0].also == ("c/b:1",)


def test_chinese_duplicates_are_found_too() -> None:
    text = "数据库连接超时之后应用会自动重试三次然后报告错误并且写入日志文件"
    (span,) = spans(passage("a", 0, text), passage("b", 0, text + "。"))
    assert span.also == ("c/b:1",)


def test_texts_of_one_or_two_letters_are_compared_too() -> None:
    (span, other) = spans(passage("a", 0, "hi"), passage("b", 0, "Hi!"), passage("d", 0, "ho"))
    assert (span.also, other.also) == (("c/b:1",), ())


def test_a_document_has_so_many_hits_at_most() -> None:
    ranked = [cut("a", number * 2, number * 3, number * 3 + 2) for number in range(5)]
    other = passage("b", 0, "Something else altogether, of harbours and of cranes.")
    assert [each.best.path for each in spans(*ranked, other, per_document=2)] == ["a", "a", "b"]


def test_what_is_not_visible_takes_no_place() -> None:
    hidden, seen = cut("a", 0, 0, 3), cut("b", 0, 10, 14)
    assert [each.best for each in grouped(Grouping(per_document=0), hidden, seen, seen=(seen,), limit=1)] == [seen]


def test_a_greater_limit_begins_with_the_same_spans() -> None:
    ranked = [cut("a" if number % 2 else "b", number, number, number + 3) for number in range(40)]
    few, many = spans(*ranked, limit=3), spans(*ranked, limit=30)
    assert [each.best for each in many[: len(few)]] == [each.best for each in few]


def test_the_sample_notes_are_all_different() -> None:
    texts = [path.read_text() for path in sorted((Path(__file__).parents[3] / "examples/notes").rglob("*.md"))]
    ranked = [passage(f"{number}", 0, text) for number, text in enumerate(texts)]
    assert len(ranked) > 3
    assert len(spans(*ranked, limit=50)) == len(ranked)
