from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import BPE, WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, ByteLevel

from qmd_mcp.corpus.chunking.chunker import Chunker
from qmd_mcp.corpus.chunking.pieces import CHARACTERS_PER_TOKEN
from qmd_mcp.corpus.chunking.token_counter import TokenCounter
from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.domain.documents import Passage

BUDGET, BREADCRUMB = 24, 8


def word_pieces() -> Tokenizer:
    """Letters, and every pair that begins with a vowel: words have fewer tokens than letters."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    pairs = [first + second for first in "aeiou" for second in letters]
    signs = ["[UNK]", *(prefix + sign for sign in (*letters, *pairs) for prefix in ("", "##"))]
    model = WordPiece({sign: position for position, sign in enumerate(signs)}, unk_token="[UNK]")  # noqa: S106  a token
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer


def byte_pairs() -> Tokenizer:
    """Bytes, and two newlines as one: a text can have more tokens than its parts together."""
    alphabet = [*sorted(ByteLevel.alphabet()), "ĊĊ"]
    tokenizer = Tokenizer(BPE({sign: position for position, sign in enumerate(alphabet)}, [("Ċ", "Ċ")]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    return tokenizer


WORD_PIECES, BYTE_PAIRS = word_pieces(), byte_pairs()

sentences = st.lists(
    st.one_of(
        st.sampled_from(
            ["one", "two. ", "three\n", "汉字。", "code:", "- item\n", "  deep\n", "https://x.y/z?a=b", "…", "—"]
        ),
        st.text(max_size=6),
        st.integers(1, 60).map("y".__mul__),
    ),
    max_size=20,
).map(" ".join)
parts = st.one_of(
    st.builds("{} {}\n\n".format, st.sampled_from(["#", "##", "###", "####"]), st.text("abc ", max_size=12)),
    sentences.map("{}\n\n".format),
    sentences.map("```\n# {}\n```\n".format),
    sentences.map("<p>{}</p>\n".format),
    st.sampled_from(["---\n", "a\n===\n", "\n\n\n", "def f():\n    return 1\n\n", "| a | b |\n|---|---|\n| c | d |\n"]),
    st.sampled_from(["* one\n", "** two\n", "= one\n", "== two\n", "|===\n", "|a |b\n\n", "----\n", "#+begin_src\n"]),
    st.builds(
        "| {} | b |\n{}\n{}".format,
        st.text("ab |", max_size=9),
        st.sampled_from(["|---|---|", "|:-|-:|", "|---+---|", "|-|"]),
        st.lists(st.text('ab1 |".', max_size=30).map("| {} |\n".format), max_size=12).map("".join),
    ),
)
documents = st.lists(parts, max_size=14).map("".join)
paths = st.sampled_from(
    ["page.md", "page.html", "page.txt", "page.rst", "page.py", "page.org", "page.adoc", "page.csv", "000.md"]
)
tokenizers = st.sampled_from([WORD_PIECES, BYTE_PAIRS])


def cut(content: str, path: str, tokenizer: Tokenizer) -> tuple[SourceText, tuple[Passage, ...]] | None:
    source = read(content.encode(errors="ignore"), path)
    if not isinstance(source, SourceText):
        return None
    chunker = Chunker(tokenizer, passage_tokens=BUDGET, breadcrumb_tokens=BREADCRUMB)
    return source, chunker.passages(source, docid="d", collection="c", path=path)


def tokens(text: str, tokenizer: Tokenizer) -> int:
    return len(tokenizer.encode(text, add_special_tokens=False).ids)


@given(documents, paths, tokenizers)
def test_passages_are_exact_slices_in_order_and_cover_the_body(content: str, path: str, tokenizer: Tokenizer) -> None:
    made = cut(content, path, tokenizer)
    if made is None:
        return
    source, passages = made
    start, covered = -1, source.body_start
    for ordinal, passage in enumerate(passages):
        assert passage.ordinal == ordinal
        assert passage.text == source.text[passage.start_char : passage.end_char]
        assert passage.text.strip()
        assert passage.start_char > start
        assert passage.end_char > covered
        assert not source.text[covered : passage.start_char].strip()
        start, covered = passage.start_char, passage.end_char
    assert not source.text[covered:].strip()


@given(documents, paths, tokenizers)
def test_passages_and_breadcrumbs_fit_their_budgets(content: str, path: str, tokenizer: Tokenizer) -> None:
    made = cut(content, path, tokenizer)
    for passage in made[1] if made else ():
        above = passage.table_header and f"{passage.table_header}\n"
        assert tokens(above + passage.text, tokenizer) <= BUDGET
        assert len(passage.text) <= BUDGET * CHARACTERS_PER_TOKEN
        assert tokens(passage.breadcrumb, tokenizer) <= BREADCRUMB


@given(documents, paths, tokenizers)
def test_lines_of_passages_are_those_of_the_file(content: str, path: str, tokenizer: Tokenizer) -> None:
    made = cut(content, path, tokenizer)
    if made is None:
        return
    source, passages = made
    for passage in passages:
        first = source.text.count("\n", 0, passage.start_char) + 1
        last = source.text.count("\n", 0, passage.end_char) + 1
        assert (passage.start_line, passage.end_line) == (source.source_line(first), source.source_line(last))
        assert passage.start_line <= passage.end_line


@given(documents, paths, tokenizers)
def test_a_document_within_the_budget_is_one_passage(content: str, path: str, tokenizer: Tokenizer) -> None:
    made = cut(content, path, tokenizer)
    if made is None:
        return
    source, passages = made
    body = source.text[source.body_start :]
    if tokens(body, tokenizer) <= BUDGET and len(body) <= BUDGET * CHARACTERS_PER_TOKEN:
        assert [passage.text.strip() for passage in passages] == [body.strip()]


@given(documents, paths, tokenizers)
def test_sections_ascend_from_the_start_of_a_passage_to_the_headings_in_it(
    content: str, path: str, tokenizer: Tokenizer
) -> None:
    made = cut(content, path, tokenizer)
    if made is None:
        return
    source, passages = made
    headings = list(source.headings())
    for passage in passages:
        starts = [section.start for section in passage.sections]
        within = [heading.start for heading in headings if passage.start_char < heading.start < passage.end_char]
        assert starts == ([0, *(start - passage.start_char for start in within)] if headings else [])
        for section in passage.sections:
            above = [heading for heading in headings if heading.start <= passage.start_char + section.start]
            assert set(section.heading) <= {heading.text for heading in above}
            if above and above[-1].text:
                assert section.heading[-1] == above[-1].text


@given(documents, paths, tokenizers)
def test_a_header_names_columns_that_stand_above_the_passage(content: str, path: str, tokenizer: Tokenizer) -> None:
    made = cut(content, path, tokenizer)
    for passage in made[1] if made else ():
        if passage.table_header:
            assert made is not None
            above = "".join(made[0].text[: passage.start_char].split())
            assert "".join(passage.table_header.splitlines()[0].rstrip("| ").split()) in above


@given(documents)
def test_words_that_were_counted_before_count_as_the_tokenizer_counts_them(content: str) -> None:
    source = read(content.encode(errors="ignore"), "a.txt")
    if isinstance(source, SourceText):
        assert TokenCounter(WORD_PIECES).count(source.text) == tokens(source.text, WORD_PIECES)
