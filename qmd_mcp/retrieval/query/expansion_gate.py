"""Which queries are searched as they are, without sub-queries from the expander."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qmd_mcp.retrieval.query.syntax import ParsedQuery

LEAD = 0.6
"""The best lexical hit has a clear lead if the best hit of another document has at most this share of its score. Such a
hit was right for 100 % of squad-fold0's queries (33 % of them have one), 92 % of scifact's (21 %) and 86 % of tldr-en's
(12 %). In cosqa-dev and cranfield it is right for only a half and a tenth, but there only 2 and 4 % of the queries have
one."""

MAX_NAME_WORDS = 3
"""Names of persons, products and places rarely have more words."""

MAX_NAME_LETTERS = 4
"""In a script without blanks, names rarely have more letters."""

# An identifier must have a letter and one of the other signs. Each is a search of its own: one pattern for all of them
# would have to try every pair of a small and a capital letter, which takes time quadratic in the length of the word.
_LETTER = re.compile(r"[^\W\d]")
_JOINT = re.compile(r"[^\W_](?:_|::|->|/|\\|=|\(|\.(?=\w))")
"""`foo_bar`, `std::vector`, `src/main`, `os.path`."""
_LEADING_MARK = re.compile(r"[_$@#./~-].")
"""`--force`, `$HOME`, `~/notes`."""
_NUMBERED = re.compile(r"[A-Z]+\d")
"""`E1101`."""
_BRACKET = re.compile(r"[(){}\[\]<>=]")
"""`render()`, `<div>`."""
_SMALL, _CAPITAL = re.compile(r"[a-z]"), re.compile(r"[A-Z]")
"""`getUserById`: a small letter, and a capital one behind it."""

_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
"""Kana and ideographs: the scripts without blanks in which a name is told by its length."""


@dataclass(frozen=True, slots=True)
class Lead:
    """How far the first hit of a lexical list is ahead of the others."""

    first: float
    """BM25 score of the first hit."""
    second: float
    """BM25 score of the best hit of another document; 0 if there is none, and then there is nothing to be ahead of."""

    @property
    def is_clear(self) -> bool:
        """Whether the first hit stands out alone."""
        return 0 < self.second <= LEAD * self.first


def why_not_expanded(query: ParsedQuery, *, lead: Lead | None = None) -> str | None:
    """A sentence that says why sub-queries would not help; None if they may."""
    words = query.text.split()
    content = query.lexical.words
    if query.lexical.phrases:
        return "The query quotes a phrase: it is meant as it stands."
    if content and 2 * sum(map(is_identifier, words)) >= len(content):
        return "The query is an identifier: other words for it would name something else."
    if _is_name(query.text, words=words):
        return "The query is one name: other words for it would name something else."
    if lead is not None and lead.is_clear:
        return "The query's own words have a clear first hit."
    return None


def is_identifier(word: str) -> bool:
    """Whether a word without blanks looks like a name of code, a path, a version or an error code."""
    if _LETTER.search(word) is None:
        return False
    if _LEADING_MARK.match(word) or _NUMBERED.match(word) or _JOINT.search(word) or _BRACKET.search(word):
        return True
    small = _SMALL.search(word)
    return small is not None and _CAPITAL.search(word, small.end()) is not None


def _is_name(text: str, *, words: list[str]) -> bool:
    """Whether the whole query is one word, or a few words that all begin with a capital or a digit."""
    if len(words) == 1:
        return not _UNSPACED.fullmatch(text) or len(text) <= MAX_NAME_LETTERS
    return len(words) <= MAX_NAME_WORDS and all(word[0].isupper() or word[0].isdigit() for word in words)
