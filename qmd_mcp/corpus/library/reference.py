"""How a caller names a document: by docid, collection/path, URI or absolute path, each with or without lines."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

from qmd_mcp.domain.documents import DOCID_LENGTH, SHORTEST_DOCID

_SCHEME = "qmd://"

_LINES = re.compile(
    r"(?P<rest>.+?)(?:#\d+)?:(?P<start>[1-9]\d{0,8})(?:-(?P<end>[1-9]\d{0,8})|:(?P<count>[1-9]\d{0,8}))?"
)
_DOCID = re.compile(rf"#?([0-9a-fA-F]{{{SHORTEST_DOCID},{DOCID_LENGTH}}})")
_ORDINAL = re.compile(r"(?P<rest>.+)#\d+")
_PERCENT_ENCODED = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_GLOB_SIGN = re.compile(r"[*?\[\]{},]")


@dataclass(frozen=True, slots=True)
class Reference:
    """One way to read what a caller wrote."""

    name: str
    """`collection/path` or an absolute path, in NFC."""
    docid: str | None = None
    """The first digits of a docid in lower case, if the name can be one."""
    from_line: int | None = None
    max_lines: int | None = None


def readings(text: str) -> tuple[Reference, ...]:
    """Return every way to read a reference, the literal one first: a path may itself end like a range of lines."""
    bare = text.strip()
    if bare.startswith(_SCHEME):
        bare = unquote(bare.removeprefix(_SCHEME))
    bare = unicodedata.normalize("NFC", bare)  # last: percent-encoded bytes may be decomposed, too
    found = [_named(bare)]
    lines = _LINES.fullmatch(bare)
    if lines:
        start = int(lines["start"])
        count = int(lines["count"]) if lines["count"] else None
        if lines["end"]:
            count = max(1, int(lines["end"]) - start + 1)
        named = _named(lines["rest"])
        found.append(Reference(named.name, docid=named.docid, from_line=start, max_lines=count))
    ordinal = _ORDINAL.fullmatch(bare)
    if ordinal:  # a passage_id
        found.append(_named(ordinal["rest"]))
    return tuple(found)


def glob_in(text: str) -> str | None:
    """Return the glob that a caller wrote, as a path or as a URI; None if it has no wildcard, bracket or brace.

    Signs that are percent-encoded in a URI stand for themselves.
    """
    bare = text.strip()
    if bare.startswith(_SCHEME):
        bare = _PERCENT_ENCODED.sub(
            lambda encoded: _GLOB_SIGN.sub(r"[\g<0>]", unquote(encoded[0])), bare.removeprefix(_SCHEME)
        )
    return bare if any(sign in bare for sign in "*?[{") else None


def _named(text: str) -> Reference:
    docid = _DOCID.fullmatch(text)
    return Reference(text, docid=docid[1].lower() if docid else None)
