"""Names of code and systems, which word segmentation would split: `os.path.join`, `maxRetryCount`, `C++`."""

from __future__ import annotations

import re
from functools import lru_cache

from qmd_mcp.domain.text.folding import folded

_TOKEN = re.compile(r"[^\s\"'`()\[\]{}<>,;|\\=!?*“”‘’。，；：（）「」、]+")
"""A run of characters without blanks, quotes, brackets and the punctuation that no name contains."""

_JOINT = re.compile(r"[_./:@#~+-]")
"""A character that joins the parts of a name."""

_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
"""One word of a name in camelCase or PascalCase; an acronym is one word: HTTPServer is HTTP and Server."""

_LETTER_AND_DIGIT = re.compile(r"[A-Za-z]\d|\d[A-Za-z]")
_HUMP = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]")
"""A place at which a name in camelCase or PascalCase has its next word."""

_COMPOUND = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)+")
"""Words with hyphens, which others write as one word."""

_OPERATOR = re.compile(r"(?<![!$%&*+\-./:<=>?@^|~\\])[!$%&*+\-./:<=>?@^|~\\]{2,3}(?![!$%&*+\-./:<=>?@^|~\\])")
"""A run of two or three signs, as long as the operators of programming languages; a longer one is a border."""

_MARKUP = frozenset(("**", "***", "--", "---", "..", "...", "://", "-->", "</", "/>", "./", "../"))
"""Runs of signs that are punctuation, emphasis, rules, or parts of paths and tags in nearly every document."""

_SYMBOL = re.compile("[©®°±§¶×÷\u20a0-\u20cf\u2100-\u2bff\u3200-\u33ff\U0001f000-\U0001faff]")
"""Currency signs, letter-like symbols, arrows, mathematical and technical signs, dingbats, emoji."""

LONGEST = 128
"""Characters of the longest name; a longer run is data, such as a hash or base64."""


def forms_of(token: str) -> tuple[str, ...]:
    """The forms under which a name can be found, in lower case: the whole name and its parts.

    `os.path.join` gives itself, `os`, `path` and `join`; `maxRetryCount` gives itself, `max`, `retry` and `count`;
    `C++` gives itself. A word with hyphens is also found as one word: `e-mail` gives `email`. A plain word is not a
    name and gives nothing.
    """
    return _known_forms(token) if len(token) <= LONGEST else _forms(token)


def _forms(token: str) -> tuple[str, ...]:
    whole = token.strip(".:-/~#").rstrip("@") if not token.endswith(("++", "#")) else token.lstrip(".:-/~")
    if not whole or len(whole) > LONGEST:
        return ()
    joined = bool(_JOINT.search(whole))
    humped = bool(_HUMP.search(whole))
    if not (joined or humped or _LETTER_AND_DIGIT.search(whole)):
        return ()
    pieces = _JOINT.split(whole) if joined else [whole]
    parts = [part for piece in pieces for part in (piece, *_CAMEL.findall(piece))] if humped else pieces
    compound = [whole.replace("-", "")] if _COMPOUND.fullmatch(whole) else []
    forms = (whole, *compound, *(part for part in parts if len(part) > 1))
    return tuple(dict.fromkeys(map(folded, forms)))


_known_forms = lru_cache(maxsize=20_000)(_forms)
"""Most tokens of a text were met before: remembering their forms saves about a tenth of the CPU time of indexing
10,821 short passages without embedding."""


def identifiers_in(text: str) -> str:
    """Every form of every name and every sign in a text, separated by blanks, as the column of identifiers has them."""
    return " ".join((*(form for token in _TOKEN.findall(text) for form in forms_of(token)), *signs_in(text)))


def signs_in(text: str) -> list[str]:
    """The operators and the symbols of a text, such as `?.`, `&&` and emoji, which word segmentation drops."""
    operators = [run for run in _OPERATOR.findall(text) if run not in _MARKUP]
    return operators if text.isascii() else [*operators, *_SYMBOL.findall(text)]


def marks_in(phrase: str) -> list[str]:
    """What of a phrase the index of words drops and the column of identifiers has: its signs, and names like `C++`."""
    names = [forms[0] for token in _TOKEN.findall(phrase) if (forms := forms_of(token)) and forms[0][-1] in "+#"]
    return [*names, *signs_in(phrase)]


def tokens_in(text: str) -> tuple[str, ...]:
    """The runs of characters of a text that may be names."""
    return tuple(_TOKEN.findall(text))
