"""What is written as YAML or TOML, as a tag or as a date is read as it was meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.front_matter.written_dates import date_ns
from qmd_mcp.corpus.readers.source_text import SourceText

words = st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1, max_size=12).filter(
    lambda word: not word.isdecimal()
)
names = st.lists(words, min_size=1, max_size=4).map(" ".join)
tags = st.lists(words, min_size=1, max_size=3).map("/".join)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def source(content: str) -> SourceText:
    made = read(content.encode(), "a.md")
    assert isinstance(made, SourceText), made
    return made


def folded(values: tuple[str, ...] | list[str]) -> list[str]:
    """Each value once, ignoring case, in the form in which texts are kept."""
    return list(dict.fromkeys(source(value).text.casefold() for value in values))


@given(names, st.lists(names, max_size=5), st.lists(tags, max_size=5), names, st.booleans())
@example(title="null", aliases=["null"], given_tags=["null"], author="null", flow=True)
@example(title="null", aliases=["null"], given_tags=["null"], author="null", flow=False)
def test_whatever_a_mapping_says_is_read(
    title: str,
    aliases: list[str],
    given_tags: list[str],
    author: str,
    flow: bool,  # noqa: FBT001  drawn by hypothesis
) -> None:
    mapping = {"title": title, "aliases": aliases, "tags": given_tags, "author": author}
    block = yaml.safe_dump(mapping, allow_unicode=True, default_flow_style=flow, width=100_000)
    made = source(f"---\n{block}---\nbody\n")
    assert made.title == source(title).text
    assert folded(list(made.properties.aliases)) == folded(aliases)
    assert folded(list(made.properties.tags)) == folded(given_tags)
    assert made.properties.about == f"author: {source(author).text}"


@given(st.lists(tags, max_size=6), st.sampled_from([" ", "\n", "\n- ", ", ", " and (see) ", "。 "]))
def test_every_inline_tag_is_found(given_tags: list[str], between: str) -> None:
    made = source("text " + between.join(f" #{tag}" for tag in given_tags) + between)
    assert folded(list(made.properties.tags)) == folded(given_tags)


@given(st.text(max_size=60))
def test_a_tag_has_a_letter_and_no_blank(text: str) -> None:
    made = read(text.encode(errors="ignore"), "a.md")
    for tag in made.properties.tags if isinstance(made, SourceText) else ():
        assert not any(sign.isspace() for sign in tag)
        assert not tag.replace("/", "").isdecimal()
        assert f"#{tag.split('/')[0]}" in made.text


@given(
    st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=zones),  # noqa: DTZ001  the zone is drawn
    st.sampled_from(["T", " "]),
)
def test_a_moment_is_read_as_it_is_written(moment: datetime, between: str) -> None:
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
    assert date_ns(moment.isoformat(between)) == expected
    day = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    for written in ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%Y.%m.%d"):
        assert date_ns(moment.strftime(written)) == int(day.timestamp()) * 1_000_000_000


@given(st.text("0123456789-/.:TZ+ ", max_size=24))
def test_any_text_is_a_date_that_can_be_stored_or_none(text: str) -> None:
    moment = date_ns(text)
    assert moment is None or -(2**63) <= moment < 2**63
