"""Titles and headings of Org and AsciiDoc, and the headings that hold in each part of a passage."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from qmd_mcp.corpus.chunking import outline
from qmd_mcp.corpus.chunking.chunker import Chunker
from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.domain.documents import Passage, PassageSection
from qmd_mcp.domain.properties import Properties

MARCH = 1_772_323_200_000_000_000  # the first moment of 2026-03-01


def source(content: str, path: str) -> SourceText:
    made = read(content.encode(), path)
    assert isinstance(made, SourceText), made
    return made


def headings(content: str, path: str) -> list[tuple[int, str]]:
    return [(heading.level, heading.text) for heading in source(content, path).headings()]


def passages(content: str, path: str, *, budget: int = 20) -> tuple[Passage, ...]:
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106  a token of the vocabulary
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    chunker = Chunker(tokenizer, passage_tokens=budget)
    return chunker.passages(source(content, path), docid="d", collection="c", path=path)


# Org


@pytest.mark.parametrize(
    ("line", "heading"),
    [
        ("* Heating", (1, "Heating")),
        ("*** Cork boards", (3, "Cork boards")),
        ("* TODO Order glass", (1, "Order glass")),
        ("* DONE [#A] Order glass [2/3] [66%]  :buy:spring_sale:", (1, "Order glass")),
        ("* NEXT *Bold* /and/ =code= [[https://example.org][the shop]]", (1, "Bold and code the shop")),
        ("* TODO", (1, "TODO")),
        ("* Todo lists", (1, "Todo lists")),
        ("* at 10:30: tea", (1, "at 10:30: tea")),
        ("* 1.5 * 2", (1, "1.5 * 2")),
        ("* \N{SNOWMAN} 暖房", (1, "\N{SNOWMAN} 暖房")),
        ("*" * 40 + " deep", (16, "deep")),
    ],
)
def test_a_heading_of_org_has_its_words_alone(line: str, heading: tuple[int, str]) -> None:
    assert headings(f"text\n{line}\ntext\n", "a.org") == [heading]


@pytest.mark.parametrize("line", ["*bold* at the start", " * an item", "- item", "**", "#+TITLE: no", ",* escaped"])
def test_other_lines_of_org_are_no_headings(line: str) -> None:
    assert headings(f"text\n{line}\n", "a.org") == []


def test_states_that_a_file_of_org_names_are_no_words_of_its_headings() -> None:
    content = "#+TODO: DRAFT(d) REVIEW | PRINTED(p@/!)\n* DRAFT One\n* PRINTED Two\n* FINAL Three\n"
    assert headings(content, "a.org") == [(1, "One"), (1, "Two"), (1, "FINAL Three")]


def test_blocks_of_org_have_no_headings_and_one_without_end_is_no_block() -> None:
    block = "#+BEGIN_SRC sh\n* no\n#+begin_example\n#+end_src\n* One\n#+begin_quote\n* no\n#+END_QUOTE\n"
    assert headings(f"{block}#+begin_src\n* Two\n", "a.org") == [(1, "One"), (1, "Two")]


def test_org_declares_its_title_and_properties() -> None:
    made = source(
        ':PROPERTIES:\n:ID: 7\n:ROAM_ALIASES: "Glass house" Hothouse\n:END:\n#+title: Green\n#+TITLE: house\n'
        "#+AUTHOR: Orla Quist\n#+DATE: <2026-03-01 Sun>\n#+FILETAGS: :plants:glass:\n#+STARTUP: overview\n\n"
        "* Heating :winter:\n** Boiler :winter:metal:\n",
        "p.org",
    )
    assert (made.title, made.title_source, made.body_start) == ("Green house", "front matter", 0)
    assert made.properties == Properties(
        aliases=("Glass house", "Hothouse"),
        tags=("plants", "glass", "winter", "metal"),
        about="author: Orla Quist\ndate: 2026-03-01",
        date_ns=MARCH,
    )


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("* Heating\ntext\n* Cooling\n", "my plants"),
        ("* Heating\ntext\n** Boiler\n", "Heating"),
        ("text\n", "my plants"),
    ],
)
def test_without_a_title_only_a_lone_heading_names_a_file_of_org(content: str, title: str) -> None:
    assert source(content, "my-plants.org").title == title


# AsciiDoc


def test_asciidoc_has_title_headings_and_properties() -> None:
    made = source(
        "// a comment\n= Pump Handbook\nOrla Quist <orla@example.org>\nv1.2, 2026-03-01: third edition\n"
        ":keywords: seals, cold weather\n:description: What to do \\\n  when it leaks\n:toc: left\n\n"
        "== Seals ==\n\ntext\n\n=== `Rubber` and *felt* <<x,rings>> [[anchor]]\n\n##### Markdown's sign\n",
        "g.adoc",
    )
    assert (made.title, made.title_source) == ("Pump Handbook", "heading")
    assert [(heading.level, heading.text) for heading in made.headings()] == [
        (1, "Pump Handbook"),
        (2, "Seals"),
        (3, "Rubber and felt rings"),
        (5, "Markdown's sign"),
    ]
    assert made.properties == Properties(
        tags=("seals", "cold weather"),
        about="description: What to do when it leaks\nauthor: Orla Quist <orla@example.org>\ndate: 2026-03-01",
        date_ns=MARCH,
    )


def test_front_matter_and_attributes_of_asciidoc_go_together() -> None:
    made = source("---\ntags: [oil]\n---\n= Pump\n:keywords: seals\n\ntext\n", "g.asciidoc")
    assert (made.title, made.properties.tags) == ("Pump", ("oil", "seals"))


@pytest.mark.parametrize("fence", ["----", "-----", "....", "++++", "////", "```"])
def test_listings_of_asciidoc_have_no_headings(fence: str) -> None:
    content = f"== One\n\n[source]\n{fence}\n== no\n\nTitle\n~~~~~\n{fence}\n\n== Two\n"
    assert headings(content, "a.adoc") == [(2, "One"), (2, "Two")]
    assert headings(f"== One\n\n{fence}\n== Two\n", "a.adoc") == [(2, "One"), (2, "Two")]


def test_headings_of_asciidoc_may_be_underlined() -> None:
    content = "Pump Handbook\n=============\n\nSeals\n-----\n\ntext\n\nRings\n~~~~~~\n\n.Listing\n-----\ntext\n-----\n"
    assert headings(content, "a.adoc") == [(1, "Pump Handbook"), (2, "Seals"), (3, "Rings")]


@pytest.mark.parametrize("line", ["==", "==no blank", " == indented", "=======", "a == b", "====== = "])
def test_other_lines_of_asciidoc_are_no_headings(line: str) -> None:
    assert [text for _, text in headings(f"text\n\n{line}\n", "a.adoc") if text != "="] == []


# Passages


SHORT_SECTIONS = {
    "a.md": "# Band\n\n## Brass\n\ntrombones\n\n## Clay\n\nocarinas\n",
    "a.rst": "Band\n====\n\nBrass\n-----\n\ntrombones\n\nClay\n----\n\nocarinas\n",
    "a.html": "<h1>Band</h1><h2>Brass</h2><p>trombones</p><h2>Clay</h2><p>ocarinas</p>",
    "a.org": "* Band\n** Brass\ntrombones\n** Clay\nocarinas\n",
    "a.adoc": "= Band\n\n== Brass\n\ntrombones\n\n== Clay\n\nocarinas\n",
}


@pytest.mark.parametrize("path", SHORT_SECTIONS)
def test_a_passage_of_several_sections_knows_the_headings_of_each(path: str) -> None:
    (passage,) = passages(SHORT_SECTIONS[path], path)
    assert passage.heading_at(passage.text.index("trombones")) == ("Band", "Brass")
    assert passage.heading_at(passage.text.index("ocarinas")) == ("Band", "Clay")
    assert passage.heading_at(passage.text.index("Clay")) == ("Band", "Clay")


def test_sections_begin_at_the_start_of_the_passage_also_where_no_heading_stands() -> None:
    (passage,) = passages("intro\n\n## One\n\na\n\n### Deep\n\nb\n\n## Two\n\nc\n", "a.md")
    assert passage.sections == (
        PassageSection(0, ()),
        PassageSection(7, ("One",)),
        PassageSection(18, ("One", "Deep")),
        PassageSection(31, ("Two",)),
    )


def test_pieces_of_one_section_have_its_headings() -> None:
    cut = passages("# Title\n\n## One\n\n" + "word word word word.\n\n" * 12, "a.md")
    assert len(cut) > 2
    for passage in cut[1:]:
        assert passage.sections == (PassageSection(0, ("Title", "One")),)


@pytest.mark.parametrize(
    ("content", "path"), [("only text\n", "a.md"), ("# a comment\nx = 1\n", "a.py"), ("a,b\n", "a.csv")]
)
def test_a_text_without_headings_has_no_sections(content: str, path: str) -> None:
    (passage,) = passages(content, path)
    assert passage.sections == ()


def test_headings_that_would_fill_the_index_are_cut_to_the_innermost() -> None:
    above = "".join(f"{'#' * level} {str(level) * 299}\n" for level in range(1, 6))
    content = f"{above}{'###### x' + chr(10)}" + "###### y\n" * 30
    (*_, passage) = passages(content, "a.md", budget=220)
    assert sum(len(name) for section in passage.sections for name in section.heading) <= outline.LONGEST
    assert passage.sections[-1].heading == ("y",)
