from __future__ import annotations

from collections.abc import Sequence

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE, WordLevel, WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, ByteLevel

from qmd_mcp.corpus.chunking.chunker import Chunker
from qmd_mcp.corpus.chunking.pieces import CHARACTERS_PER_TOKEN
from qmd_mcp.corpus.chunking.token_counter import TokenCounter
from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.domain.documents import Passage, PassageSection


def words() -> Tokenizer:
    """One token for each word, sign of punctuation and ideograph."""
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106  a token of the vocabulary
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


def letters() -> Tokenizer:
    """One token for each byte, as in GPT-2 before anything is merged."""
    alphabet = sorted(ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE({sign: position for position, sign in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    return tokenizer


def source(content: str, path: str = "page.md") -> SourceText:
    made = read(content.encode(), path)
    assert isinstance(made, SourceText)
    return made


def passages(
    content: str, path: str = "page.md", *, budget: int = 20, breadcrumb: int = 12, tokenizer: Tokenizer | None = None
) -> tuple[Passage, ...]:
    chunker = Chunker(tokenizer or words(), passage_tokens=budget, breadcrumb_tokens=breadcrumb)
    return chunker.passages(source(content, path), docid="d0c", collection="notes", path=path)


def texts(found: Sequence[Passage]) -> list[str]:
    return [passage.text for passage in found]


def sentence(subject: str, count: int) -> str:
    return " ".join([subject] * (count - 1)) + "."


def test_a_page_within_the_budget_is_one_passage() -> None:
    assert passages("# Title\n\ntext\n\n## Part\n\nmore\n") == (
        Passage(
            docid="d0c",
            collection="notes",
            path="page.md",
            title="Title",
            ordinal=0,
            heading=(),
            breadcrumb="Title",
            text="# Title\n\ntext\n\n## Part\n\nmore",
            start_line=1,
            end_line=7,
            start_char=0,
            end_char=28,
            sections=(PassageSection(0, ("Title",)), PassageSection(15, ("Title", "Part"))),
        ),
    )


def test_long_pages_are_cut_at_their_headings() -> None:
    page = f"# Title\n\n{sentence('a', 12)}\n\n## One\n\n{sentence('b', 12)}\n\n## Two\n\n{sentence('c', 12)}\n"
    found = passages(page)
    assert texts(found) == [
        f"# Title\n\n{sentence('a', 12)}",
        f"## One\n\n{sentence('b', 12)}",
        f"## Two\n\n{sentence('c', 12)}",
    ]
    assert [(passage.start_line, passage.end_line) for passage in found] == [(1, 3), (5, 7), (9, 11)]
    assert [passage.heading for passage in found] == [(), ("One",), ("Two",)]
    assert [passage.breadcrumb for passage in found] == ["Title", "Title > One", "Title > Two"]


def test_small_sections_are_put_together() -> None:
    page = "# Title\n\n" + "".join(f"## Term {number}\n\nshort\n\n" for number in range(8))
    found = passages(page, budget=24)
    assert [passage.text.count("##") for passage in found] == [4, 4]
    assert [passage.heading for passage in found] == [("Term 0",), ("Term 4",)]


def test_a_small_section_joins_a_larger_neighbour_and_large_ones_do_not_join() -> None:
    page = f"## A\n\n{sentence('a', 6)}\n\n## B\n\n{sentence('b', 6)}\n\n## C\n\nc\n\n## D\n\n{sentence('d', 12)}\n"
    found = passages(page)
    assert [passage.text.splitlines()[0] for passage in found] == ["## A", "## B", "## D"]
    assert found[1].text.endswith("## C\n\nc")


def test_sections_stay_with_those_above_them_where_all_fit() -> None:
    page = f"# T\n\n## A\n\n{sentence('a', 5)}\n\n### A1\n\n{sentence('b', 5)}\n\n## B\n\n{sentence('c', 14)}\n"
    found = passages(page)
    assert [passage.heading for passage in found] == [("A",), ("B",)]
    assert "### A1" in found[0].text


def test_a_heading_without_text_begins_the_section_below_it() -> None:
    page = f"# T\n\n## Reference\n\n### One\n\n{sentence('a', 10)}\n\n### Two\n\n{sentence('b', 10)}\n"
    found = passages(page)
    assert [passage.heading for passage in found] == [("Reference", "One"), ("Reference", "Two")]
    assert found[0].text.startswith("# T\n\n## Reference\n\n### One")


def test_long_sections_are_cut_into_pieces_of_like_size_between_paragraphs() -> None:
    page = "# Title\n\n" + "\n\n".join(sentence(sign, 6) for sign in "abcdef")
    counts = [TokenCounter(words()).count(passage.text) for passage in passages(page)]
    assert counts == [14, 12, 12]


def test_what_ends_with_a_colon_keeps_what_it_announces() -> None:
    page = "# Title\n\n" + "\n\n".join(f"- do {sign} so:\n\n`run {sign}`" for sign in "abcdef")
    for text in texts(passages(page)):
        assert text.count("- do") == text.count("`run")


def test_fenced_code_is_kept_whole_and_its_comments_are_no_headings() -> None:
    code = "```python\n# first\na = 1\n\n# second\nb = 2\n```"
    found = passages(f"# Title\n\n{sentence('a', 18)}\n\n{code}\n\n{sentence('b', 18)}\n", budget=24)
    assert any(code in text for text in texts(found))
    assert {passage.heading for passage in found} == {()}


def test_code_too_long_for_a_passage_is_cut_between_its_lines() -> None:
    page = "# Title\n\n```\n" + "\n".join(f"line {number} of code" for number in range(30)) + "\n```\n"
    for text in texts(passages(page)):
        assert not text.startswith(("of", "code", "0", "1"))


def test_definitions_in_code_are_passages_of_their_own() -> None:
    code = "import os\n\n\ndef one():\n    a = 1\n\n    return a + 1\n\n\ndef two():\n    b = 2\n\n    return b + 2\n"
    found = passages(code, "module.py", budget=24)
    assert texts(found) == [
        "import os\n\n\ndef one():\n    a = 1\n\n    return a + 1",
        "def two():\n    b = 2\n\n    return b + 2",
    ]
    assert [(passage.start_line, passage.end_line) for passage in found] == [(1, 7), (10, 13)]


def test_a_cut_in_code_lies_where_the_indentation_is_least() -> None:
    method = "    def {0}(self):\n        {0} = 1\n\n        return {0}\n"
    code = "class A:\n" + "\n".join(method.format(name) for name in "abcd")
    found = passages(code, "module.py", budget=32)
    assert [(text.count("def"), text.count("=")) for text in texts(found)] == [(2, 2), (2, 2)]


def test_chinese_is_cut_between_sentences() -> None:
    found = passages("# 标题\n\n" + "这是一个很长的句子。" * 10, budget=24)
    assert len(found) > 3
    assert all(text.endswith("。") for text in texts(found))
    assert {passage.breadcrumb for passage in found} == {"标题"}


def test_a_word_beyond_the_budget_is_cut_within() -> None:
    found = passages("x" * 1_000 + "\n", budget=5)
    assert "".join(texts(found)) == "x" * 1_000
    assert all(len(text) <= 5 * CHARACTERS_PER_TOKEN for text in texts(found))


def test_passages_of_a_page_of_html_know_their_lines_in_the_file() -> None:
    above, below = sentence("a", 14), sentence("b", 14)
    page = f"<html><body>\n<h1>T</h1>\n\n<p>{above}</p>\n\n<h2>Part</h2>\n<p>{below}\n</p></body></html>"
    assert [(passage.heading, passage.start_line, passage.end_line) for passage in passages(page, "page.html")] == [
        ((), 2, 4),
        (("Part",), 6, 7),
    ]


def test_front_matter_is_never_part_of_a_passage() -> None:
    (found,) = passages("---\ntitle: Given\nsecret: hidden\n---\n\nbody\n")
    assert (found.text, found.start_line, found.start_char, found.breadcrumb) == ("body", 6, 37, "Given")


@pytest.mark.parametrize(
    ("path", "breadcrumb"),
    [("000123.md", ""), ("c1640.txt", ""), ("my-notes.md", "my notes"), ("笔.md", "笔"), ("a1.b2.md", "")],
)
def test_the_name_of_a_file_is_in_the_breadcrumb_only_if_it_has_a_word(path: str, breadcrumb: str) -> None:
    (found,) = passages("only text\n", path)
    assert found.breadcrumb == breadcrumb
    assert found.title == path.rpartition(".")[0].replace("-", " ")


@pytest.mark.parametrize(
    ("budget", "breadcrumb"),
    [
        (20, "The title > Outer part > Middle part > Inner part"),
        (11, "The title > Outer part > Middle part > Inner part"),
        (10, "The title > Middle part > Inner part"),
        (5, "The title > Inner part"),
        (4, "Inner part"),
        (1, "Inner"),
    ],
)
def test_a_breadcrumb_keeps_what_is_nearest_to_the_passage(budget: int, breadcrumb: str) -> None:
    headings = "## Outer part\n\n### Middle part\n\n#### Inner part"
    page = f"# The title\n\n{sentence('a', 18)}\n\n{headings}\n\n{sentence('b', 12)}\n"
    assert passages(page, budget=24, breadcrumb=budget)[-1].breadcrumb == breadcrumb


def test_the_title_is_not_repeated_as_a_heading() -> None:
    page = f"---\ntitle: Guide\n---\n# Guide\n\n{sentence('a', 12)}\n\n## Part\n\n{sentence('b', 14)}\n"
    assert [passage.breadcrumb for passage in passages(page)] == ["Guide", "Guide > Part"]


def test_a_tokenizer_that_truncates_and_pads_counts_the_whole_text() -> None:
    tokenizer = words()
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    assert TokenCounter(tokenizer).count("a b c d e f") == 6
    assert tokenizer.truncation is not None


@pytest.mark.parametrize(
    "text",
    ["snake_case: don't, [1.0] — café…", "数据库，索引 and “quotes” 10% ¿qué?", "日本語のテスト", "𠀀𠀁 豈", "a" * 150],
)
def test_remembered_words_count_as_the_tokenizer_counts_them(text: str) -> None:
    signs = ["[UNK]", *(sign for letter in "abcdefghijklmnopqrstuvwxyz" for sign in (letter, f"##{letter}"))]
    vocabulary = {sign: position for position, sign in enumerate(signs)}
    pieces = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106  as above
    pieces.normalizer = BertNormalizer()
    pieces.pre_tokenizer = BertPreTokenizer()
    assert TokenCounter(pieces).count(text) == len(pieces.encode(text, add_special_tokens=False).ids)


def test_a_tokenizer_of_another_kind_is_asked_itself() -> None:
    found = passages(
        "# Title\n\n" + "\n\n".join(sentence(word, 8) for word in ("one", "two", "three")),
        budget=60,
        tokenizer=letters(),
    )
    assert len(found) > 1
    assert all(len(text.encode()) <= 60 for text in texts(found))


@pytest.mark.parametrize(
    "line",
    [
        *(
            "word " * 40_000,
            "x" * 200_000,
            "汉字。" * 30_000,
            "- " * 50_000,
            ">" * 50_000,
            "[](" * 20_000,
            "`a " * 20_000,
        ),
        *(
            "|a" * 20_000,
            "# a\n" * 20_000,
            "a:\n\n" * 20_000,
            " \n" * 50_000 + "x",
            "_a" * 20_000,
            '{"a":[1]},' * 10_000,
        ),
    ],
)
def test_a_file_that_nobody_wrote_is_cut_all_the_same(line: str) -> None:
    text, covered = source(line).text, 0
    for passage in passages(line, budget=220):  # in quadratic time this takes minutes
        assert not text[covered : passage.start_char].strip()
        covered = passage.end_char
    assert not text[covered:].strip()
