"""Names in text and code that word segmentation takes apart."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"[^\s\"'`()\[\]{}<>,;|\\=!?*“”‘’。，；：（）「」、]+")
"""What stands between blanks, quotes, brackets and the punctuation that no name contains."""

_JOINT = re.compile(r"[_./:@#~+-]")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
"""Words of camelCase and PascalCase, acronyms kept whole: HTTPServer is HTTP and Server."""

_LETTER_AND_DIGIT = re.compile(r"[A-Za-z]\d|\d[A-Za-z]")
_HUMP = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]")

LONGEST = 128
"""Characters; longer runs are data (hashes, base64), not names."""


def forms_of(token: str) -> tuple[str, ...]:
    """The forms under which one token can be found, folded: the whole and its parts; none if it is a plain word.

    `os.path.join` gives itself, `os`, `path`, `join`; `maxRetryCount` itself, `max`, `retry`, `count`; `C++` itself.
    """
    whole = token.strip(".:-/~#").rstrip("@") if not token.endswith(("++", "#")) else token.lstrip(".:-/~")
    if not whole or len(whole) > LONGEST:
        return ()
    joined = bool(_JOINT.search(whole))
    humped = bool(_HUMP.search(whole))
    if not (joined or humped or _LETTER_AND_DIGIT.search(whole)):
        return ()
    pieces = _JOINT.split(whole) if joined else [whole]
    parts = [part for piece in pieces for part in (piece, *_CAMEL.findall(piece))] if humped else pieces
    forms = (whole.lower(), *(part.lower() for part in parts if len(part) > 1))
    return tuple(dict.fromkeys(forms))


def identifiers_in(text: str) -> str:
    """Every form of every name in a text, for an index column that splits at blanks."""
    return " ".join(form for token in _TOKEN.findall(text) for form in forms_of(token))


def tokens_in(text: str) -> tuple[str, ...]:
    """The tokens in which names are looked for."""
    return tuple(_TOKEN.findall(text))
