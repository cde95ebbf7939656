"""How a document is named: docid, collection/path, URI or absolute path, with lines."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

from qmd_mcp.domain.documents import DOCID_LENGTH, SHORTEST_DOCID

_LINES = re.compile(
    r"(?P<rest>.+?)(?:#\d+)?:(?P<start>[1-9]\d{0,8})(?:-(?P<end>[1-9]\d{0,8})|:(?P<count>[1-9]\d{0,8}))?"
)
_DOCID = re.compile(rf"#?([0-9a-fA-F]{{{SHORTEST_DOCID},{DOCID_LENGTH}}})")
_ORDINAL = re.compile(r"(?P<rest>.+)#\d+")


@dataclass(frozen=True, slots=True)
class Reference:
    """One way to read what a caller wrote."""

    name: str
    """`collection/path` or an absolute path, NFC."""
    docid: str | None = None
    """Lower-case hexadecimal prefix, if it can be one."""
    from_line: int | None = None
    max_lines: int | None = None


def readings(text: str) -> tuple[Reference, ...]:
    """Every way to read a reference, the literal one first: a path may itself end like a line range."""
    bare = unicodedata.normalize("NFC", text.strip())
    if bare.startswith("qmd://"):
        bare = unquote(bare.removeprefix("qmd://"))
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


def _named(text: str) -> Reference:
    docid = _DOCID.fullmatch(text)
    return Reference(text, docid=docid[1].lower() if docid else None)
