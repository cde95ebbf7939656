"""What documents say about themselves: titles, aliases, tags, other values and dates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.front_matter.described import DEEPEST, LONGEST_ABOUT, LONGEST_NAMES, LONGEST_VALUE
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.properties import NO_PROPERTIES, Properties


def source(content: str, path: str = "some-page.md") -> SourceText:
    made = read(content.encode(), path)
    assert isinstance(made, SourceText), made
    return made


def properties(block: str, path: str = "some-page.md") -> Properties:
    return source(f"---\n{block}\n---\nbody\n", path).properties


def ns(year: int, month: int, day: int, *time: int) -> int:
    hour, minute, second = (*time, 0, 0, 0)[:3]
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()) * 1_000_000_000


def test_a_note_says_what_it_is_called_and_what_it_is_about() -> None:
    block = (
        "title: Winter hives\ntags: [bees, garden/orchard]\naliases:\n  - Apiary in the cold\nauthor: Orla Quist\n"
        "description: >\n  How a colony\n  keeps warm\nrating: 4.5\ndraft: true\nnothing: null\nempty:\n"
    )
    assert properties(block) == Properties(
        aliases=("Apiary in the cold",),
        tags=("bees", "garden/orchard"),
        about="author: Orla Quist\ndescription: How a colony keeps warm\nrating: 4.5\ndraft: true",
    )


def test_a_text_without_front_matter_has_no_properties() -> None:
    assert source("# Hives\n\ntext, C#, a#b and # nothing\n").properties == NO_PROPERTIES


@pytest.mark.parametrize(
    ("block", "tags"),
    [
        ("tags: [bees, wax]", ("bees", "wax")),
        ("tags:\n- bees\n- wax", ("bees", "wax")),
        ("tags: bees, wax", ("bees", "wax")),
        ("tags: bees wax", ("bees", "wax")),
        ("Tags: bees", ("bees",)),
        ("tag: bees", ("bees",)),
        ("tags: '#bees #wax'", ("bees", "wax")),
        ("tags: ['#bees', '#wax/raw/']", ("bees", "wax/raw")),
        ("tags: [a//b, ' c / d ']", ("a/b", "c/d")),
        ("tags: [Bees, bees, BEES]", ("Bees",)),
        ("tags: [2024, yes]", ("2024", "yes")),
        ("keywords: queen rearing, wax; smoke", ("queen rearing", "wax", "smoke")),
        ("categories: [Queen rearing]", ("Queen rearing",)),
        ("category: Queen rearing", ("Queen rearing",)),
        ("tags: [bees]\ncategories: [Garden]\nkeywords: wax", ("bees", "Garden", "wax")),
        ("tags: [蜜蜂, 花园/果园]", ("蜜蜂", "花园/果园")),
        ("tags: 蜜蜂、花园", ("蜜蜂", "花园")),
        ("tags: [[bees, wax], smoke]", ("bees", "wax", "smoke")),
        ("taxonomies:\n  tags: [bees]", ("bees",)),
        ("tags: []\n", ()),
        ("tags: '#'", ()),
    ],
)
def test_tags_are_read_in_every_way_in_which_they_are_written(block: str, tags: tuple[str, ...]) -> None:
    made = properties(block)
    assert (made.tags, made.about) == (tags, "")


@pytest.mark.parametrize(
    ("block", "aliases"),
    [
        ("aliases: [Apiary, 'Quist, Orla']", ("Apiary", "Quist, Orla")),
        ("alias: Apiary", ("Apiary",)),
        ("aliases: Apiary, Bee yard", ("Apiary", "Bee yard")),
        ("aliases:\n  - Apiary\n  - apiary\n", ("Apiary",)),
        ("Alias: 'Bee: yard'", ("Bee: yard",)),
    ],
)
def test_aliases_are_a_list_or_one_value(block: str, aliases: tuple[str, ...]) -> None:
    assert properties(block) == Properties(aliases=aliases)


def test_values_within_others_are_found_under_the_keys_of_both() -> None:
    block = "authors:\n  - name: Orla Quist\n    place: Visby\nextra: {level: [1, 2], title: inner, tags: [inner]}"
    made = source(f"---\n{block}\n---\nbody")
    assert made.properties == Properties(
        about="authors.name: Orla Quist\nauthors.place: Visby\nextra.level: 1, 2\nextra.title: inner\nextra.tags: inner"
    )
    assert made.title == "some page"


def test_toml_says_the_same_as_yaml() -> None:
    block = (
        'title = "Winter hives"\ndate = 2026-03-01\ndraft = false\nweight = 3\naliases = ["Apiary"]\n'
        '[taxonomies]\ntags = ["bees", "queen rearing"]\n[[authors]]\nname = "Orla Quist"\n'
    )
    made = source(f"+++\n{block}+++\nbody")
    assert made.title == "Winter hives"
    assert made.properties == Properties(
        aliases=("Apiary",),
        tags=("bees", "queen rearing"),
        about="date: 2026-03-01\ndraft: false\nweight: 3\nauthors.name: Orla Quist",
        date_ns=ns(2026, 3, 1),
    )


def test_a_block_with_a_mistake_is_read_line_by_line() -> None:
    block = "title: Hives: a guide\ntags: [#bees, #wax]\naliases:\n  - Apiary\nauthor: @orla\ndate: 2026-03-01"
    made = source(f"---\n{block}\n---\nbody")
    assert made.title == "Hives: a guide"
    assert made.properties == Properties(
        aliases=("Apiary",),
        tags=("bees", "wax"),
        about="author: @orla\ndate: 2026-03-01",
        date_ns=ns(2026, 3, 1),
    )


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-01", ns(2026, 3, 1)),
        ("2026/3/1", ns(2026, 3, 1)),
        ("2026.03.01", ns(2026, 3, 1)),
        ("20260301", ns(2026, 3, 1)),
        ("2026-03", ns(2026, 3, 1)),
        ("2026-03-01T10:30", ns(2026, 3, 1, 10, 30)),
        ("2026-03-01 10:30:15", ns(2026, 3, 1, 10, 30, 15)),
        ("2026-03-01T10:30:15Z", ns(2026, 3, 1, 10, 30, 15)),
        ("2026-03-01T10:30:15.25+02:00", ns(2026, 3, 1, 8, 30, 15) + 250_000_000),
        ("2026-03-01 10:30:15 -0130", ns(2026, 3, 1, 12, 0, 15)),
        ("2026-03-01 10:30 +5", ns(2026, 3, 1, 5, 30)),
        ("1969-12-31", ns(1969, 12, 31)),
        ("'2026-03-01'", ns(2026, 3, 1)),
        *((written, None) for written in ("yesterday", "2026", "2026-02-30", "2026-13-01", "1.2.3", "2026-03/01")),
        *((written, None) for written in ("9999-12-31", "0001-01-01T00:00+14:00", "2026-03-01T25:00", "12345-01-01")),
    ],
)
def test_a_date_is_read_or_is_none(written: str, moment: int | None) -> None:
    assert properties(f"date: {written}").date_ns == moment


@pytest.mark.parametrize(
    ("block", "day"),
    [
        ("created: 2026-01-01\nupdated: 2026-01-02\ndate: 2026-01-03", 3),
        ("created: 2026-01-01\nupdated: 2026-01-02", 2),
        ("published: 2026-01-01\nlast_modified_at: 2026-01-02", 2),
        ("lastmod: 2026-01-02\ncreated: 2026-01-01", 2),
        ("date: soon\nmodified: 2026-01-02", 2),
        ("date created: 2026-01-01\ndate modified: 2026-01-02", 2),
        ("publishDate: 2026-01-01", 1),
        ("due: 2026-01-01", None),
    ],
)
def test_the_date_of_a_document_is_the_first_that_it_gives(block: str, day: int | None) -> None:
    assert properties(block).date_ns == (ns(2026, 1, day) if day else None)


def test_a_note_that_is_front_matter_only_is_read_as_text() -> None:
    block = "---\n# who has them\ntags: [stub]\nsummary: Keys of the boat house\n---\n\n"
    made = source(block)
    assert (made.text, made.kind, made.body_start, made.title) == (block, "text", 0, "some page")
    assert made.properties == Properties(tags=("stub",), about="summary: Keys of the boat house")
    assert list(made.headings()) == []


@pytest.mark.parametrize("path", ["a.md", "a.txt", "a.rst", "a.html", "a.org", "a.adoc"])
def test_front_matter_is_read_in_every_format_that_may_have_it(path: str) -> None:
    made = source("---\ntitle: Hives\ntags: [bees]\ndate: 2026-03-01\n---\nbody\n", path)
    assert (made.title, made.properties.tags, made.properties.date_ns) == ("Hives", ("bees",), ns(2026, 3, 1))
    assert source("---\ntitle: Hives\n---\n", path).text == "---\ntitle: Hives\n---\n"


@pytest.mark.parametrize("content", ["---\n---\n", "---\n# only a comment\n---\n", "---\ntitle:\n---\n \n"])
def test_front_matter_that_says_nothing_makes_no_document(content: str) -> None:
    assert read(content.encode(), "a.md") == Skip("a.md", "empty")


def test_what_a_document_says_about_itself_has_bounds() -> None:
    names = ", ".join(f"name{number:05}" for number in range(1_000))
    values = f"abstract: {'long ' * 2_000}\nnote: {'x' * 3_000}\nplace: Visby"
    made = properties(f"tags: [{names}]\naliases: [{names}]\n{values}")
    assert 1_900 < sum(map(len, made.tags)) <= LONGEST_NAMES
    assert 1_900 < sum(map(len, made.aliases)) <= LONGEST_NAMES
    assert len(made.about) <= LONGEST_ABOUT
    assert max(map(len, made.about.splitlines())) == LONGEST_VALUE
    assert properties(f"tags: [{'a/' * 100}b]").tags == ("/".join("a" * DEEPEST),)
    assert properties("abstract: short\nplace: Visby").about == "abstract: short\nplace: Visby"


def test_a_value_with_escapes_is_one_line_that_can_be_shown() -> None:
    made = source('---\ntitle: "\\e[31mred\\u0301"\nnote: "a\\nb\\0c"\ntags: ["x\\ey"]\n---\nbody')
    assert (made.title, made.properties.about, made.properties.tags) == ("[31mred\u0301", "note: a b c", ("x y",))


@pytest.mark.parametrize(
    "block",
    [
        "a: " + "[" * 60_000,
        "tags: " + "{a: " * 10_000,
        "? [a, {b: c}]\n: d\ntags: [bees]",
        "<<: *x\ntags: [bees]",
        "? a" * 10_000,
        f"{'k' * 20_000}: [{'v, ' * 10_000}]",
        "a = " + "9" * 5_000,
    ],
)
def test_a_block_that_nobody_wrote_is_read_all_the_same(block: str) -> None:
    for fence in ("---", "+++"):
        made = source(f"{fence}\n{block}\n{fence}\nbody")
        assert len(made.properties.about) <= LONGEST_ABOUT
        assert len(made.properties.tags) <= 1
