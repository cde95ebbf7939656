"""How a caller names a document: by docid, path, URI, name or [[link]], each with or without lines or a heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote

from qmd_mcp.domain.documents import DOCID_LENGTH, SHORTEST_DOCID
from qmd_mcp.domain.normal_forms import nfc

_SCHEME = "qmd://"

_NUMBER = r"[1-9]\d{0,8}"
_LINES = re.compile(
    rf"(?P<rest>.+?)(?:(?:#\d+)?:(?P<start>{_NUMBER})(?:-(?P<end>{_NUMBER})|:(?P<count>{_NUMBER}))?"
    rf"|#[Ll](?P<first>{_NUMBER})(?:-[Ll]?(?P<last>{_NUMBER}))?)"
)
"""Lines as answers cite them (`:10-20`), as tools take them (`:10:5`), and as forges link to them (`#L10-L20`)."""

_DOCID = re.compile(rf"#?([0-9a-fA-F]{{{SHORTEST_DOCID},{DOCID_LENGTH}}})")
_ORDINAL = re.compile(r"(?P<rest>.+)#\d+")
_LINK = re.compile(r"!?\[\[(?P<target>[^\[\]|]+)(?:\|[^\[\]]*)?\]\]")
_PERCENT_ENCODED = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_GLOB_SIGN = re.compile(r"[*?\[\]{},]")


LONGEST = 4_096
"""Most characters of a reference: as many as a path has on Linux (`PATH_MAX`)."""

_MOST_SIGNS = 8
"""Most `#` at which a reference is split into a name and a heading: each is looked up, and headings have six levels."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One way to read what a caller wrote."""

    name: str
    """What names the document, in NFC: a path or the end of one, a name, an alias or a title."""
    docid: str | None = None
    """The first digits of a docid in lower case, if the name can be one."""
    from_line: int | None = None
    max_lines: int | None = None
    section: str | None = None
    """A heading, with those above it before it and `#` between them; or `^` and the name of a block."""


def readings(text: str) -> tuple[Reference, ...]:
    """Return every way to read a reference, the literal one first: a path may itself end like a range of lines."""
    bare = text.strip()
    if bare.startswith(_SCHEME):
        bare = unquote(bare.removeprefix(_SCHEME))
    bare = nfc(bare)  # last: percent-encoded bytes may be decomposed, too
    link = _LINK.fullmatch(bare)
    if link:
        target = link["target"].strip()
        return (_named(bare), _named(target), *_with_section(target))
    found = [_named(bare)]
    lines = _LINES.fullmatch(bare)
    if lines:
        start = int(lines["start"] or lines["first"])
        count = int(lines["count"]) if lines["count"] else None
        end = lines["end"] or lines["last"] or (lines["first"] and start)
        if end:
            count = max(1, int(end) - start + 1)
        found.append(replace(_named(lines["rest"]), from_line=start, max_lines=count))
    ordinal = _ORDINAL.fullmatch(bare)
    if ordinal:  # a passage_id
        found.append(_named(ordinal["rest"]))
    return (*found, *_with_section(bare))


def glob_in(text: str) -> str | None:
    """Return the glob that a caller wrote, as a path or as a URI; None if it has no wildcard, bracket or brace.

    Signs that are percent-encoded in a URI stand for themselves, and a [[link]] is no glob.
    """
    bare = text.strip()
    if _LINK.fullmatch(bare):
        return None
    if bare.startswith(_SCHEME):
        bare = _PERCENT_ENCODED.sub(
            lambda encoded: _GLOB_SIGN.sub(r"[\g<0>]", unquote(encoded[0])), bare.removeprefix(_SCHEME)
        )
    return bare if any(sign in bare for sign in "*?[{") else None


def _with_section(text: str) -> Iterator[Reference]:
    """A name and a heading, split at each `#`, the longest name first: the name of a file may have the sign, too."""
    for place in reversed([sign.start() for sign in re.finditer("#", text)][:_MOST_SIGNS]):
        name, section = text[:place].strip(), text[place + 1 :].strip(" #")
        if name and section:
            yield replace(_named(name), section=section)


def _named(text: str) -> Reference:
    docid = _DOCID.fullmatch(text)
    return Reference(text, docid=docid[1].lower() if docid else None)
