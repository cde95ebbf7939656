"""Making title and properties of the values that a document gives about itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from qmd_mcp.corpus.readers.front_matter.written_dates import date_ns
from qmd_mcp.corpus.readers.headings import one_line
from qmd_mcp.domain.properties import NO_PROPERTIES, Properties

LONGEST_NAMES = 2_000
"""Most characters of all aliases of a document together, and of all its tags; the ones behind are dropped. They are
stored with every passage, and a passage has up to about 1,000 characters: what is twice as long are no names."""

LONGEST_VALUE = 2_000
"""Most characters of one value; the rest of a longer one is cut off. An abstract of 250 words has about 1,700."""

LONGEST_ABOUT = 2 * LONGEST_VALUE
"""Most characters of all other values together, which are stored with every passage as well: an abstract, and as much
again. The values that do not fit any more are dropped."""

DEEPEST = 8
"""Most levels of a nested tag; what is nested more deeply counts as the tag of this level. Filters compare a tag and
every tag above it, so that one of 150 levels would be stored 150 times."""

_TITLE = "title"
_ALIASES = frozenset({"alias", "aliases", "roam_alias", "roam_aliases"})
_TAGS = frozenset({"tag", "tags", "keywords", "categories", "taxonomies.tags", "taxonomies.categories"})
"""Keys of lists, or of one value in which blanks or commas separate the tags. Zola has them in a table."""
_ONE_TAG = frozenset({"category", "keyword"})
"""Keys of a value in which only commas separate tags."""

_DATES = (
    frozenset({"date"}),
    frozenset({"updated", "modified", "lastmod", "lastmodified", "lastmodifiedat", "lastupdated", "datemodified"}),
    frozenset({"created", "published", "publishdate", "pubdate", "datecreated", "datepublished"}),
)
"""Keys of dates without blanks, `-` and `_`; the first group that has a date decides."""

_SEPARATORS = re.compile(r"[\s_-]+")
_COMMA = re.compile(r"[,;，；、]")
_COMMA_OR_BLANK = re.compile(r"[,;，；、\s]+")


@dataclass(frozen=True, slots=True)
class Value:
    """One value that a document gives about itself."""

    key: str
    """In lower case. The key of a value within a mapping is preceded by the key of that mapping and a dot."""
    text: str
    """As it is written."""
    listed: bool
    """Whether it is an item of a list."""


def described(values: Sequence[Value]) -> tuple[str, Properties]:
    """Return the title, empty if there is none, and the properties of a document with these values."""
    if not values:
        return "", NO_PROPERTIES
    title = next((value.text for value in reversed(values) if value.key == _TITLE and not value.listed), "")
    aliases = (
        alias
        for value in values
        if value.key in _ALIASES
        for alias in ([value.text] if value.listed else _COMMA.split(value.text))
    )
    others = (value for value in values if value.key not in _TAGS | _ONE_TAG | _ALIASES | {_TITLE})
    return one_line(title), Properties(
        aliases=distinct(alias.strip(" \t\"'") for alias in aliases),
        tags=distinct(_tags(values)),
        about=_about(others),
        date_ns=_date(values),
    )


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return each name once, ignoring case, in the order and the spelling in which it comes first, within bounds."""
    kept: dict[str, str] = {}
    length = 0
    for name in map(one_line, names):
        if not name or name.casefold() in kept:
            continue
        length += len(name)
        if length > LONGEST_NAMES:
            break
        kept[name.casefold()] = name
    return tuple(kept.values())


def tag_of(written: str) -> str:
    """Return a tag without its sign, and without blanks and empty levels; empty if nothing is left."""
    levels = (level.strip() for level in written.strip(" \t\n\"'").lstrip("#").split("/"))
    return "/".join(list(filter(None, levels))[:DEEPEST])


def _tags(values: Iterable[Value]) -> Iterator[str]:
    for value in values:
        if value.key in _TAGS or value.key in _ONE_TAG:
            whole = value.listed or value.key in _ONE_TAG or _COMMA.search(value.text)
            yield from map(tag_of, (_COMMA if whole else _COMMA_OR_BLANK).split(value.text))


def _about(values: Iterable[Value]) -> str:
    """One line for each key, with its values."""
    lines: list[str] = []
    length = 0
    for key, group in groupby(values, key=lambda value: value.key):
        line = one_line(f"{key}: {', '.join(value.text for value in group)}", longest=LONGEST_VALUE)
        if length + len(line) < LONGEST_ABOUT:
            length += len(line) + 1
            lines.append(line)
    return "\n".join(lines)


def _date(values: Sequence[Value]) -> int | None:
    """The date of the first group of keys that has one."""
    for keys in _DATES:
        for value in values:
            if _SEPARATORS.sub("", value.key) in keys:
                date = date_ns(value.text)
                if date is not None:
                    return date
    return None
