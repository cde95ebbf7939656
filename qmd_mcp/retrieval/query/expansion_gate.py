"""Which queries are better left as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass

from qmd_mcp.retrieval.query.syntax import ParsedQuery

LEAD = 0.6
"""The best lexical hit stands out where another document scores no more than this share of it. Such a hit was right for
100 % of squad-fold0's queries (33 % have one), 92 % of scifact's (21 %), 86 % of tldr-en's (12 %); in cosqa-dev and
cranfield, where it is right for half and for a tenth, 2 and 4 % of the queries have one."""

MAX_NAME_WORDS = 3
"""Names of persons, products and places are rarely longer."""

MAX_NAME_LETTERS = 4
"""The same in a script without blanks."""

_IDENTIFIER = re.compile(
    r"(?=.*[^\W\d])(?:\S*[^\W_](?:_|::|->|/|\\|=|\(|\.(?=\w))\S*|[_$@#./~-]\S+|\S*[a-z]\S*[A-Z]\S*|[A-Z]+\d\S*|\S*[(){}\[\]<>=]\S*)"
)
"""With a joint, a mark, an inner capital or a bracket: names of code, paths, versions, error codes."""
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Lead:
    """How far the first hit of a lexical list is ahead."""

    first: float
    """BM25."""
    second: float
    """BM25 of the best of another document; 0 where there is none, and nothing to be ahead of."""

    @property
    def is_clear(self) -> bool:
        """Whether it stands out alone."""
        return 0 < self.second <= LEAD * self.first


def why_not_expanded(query: ParsedQuery, *, lead: Lead | None = None) -> str | None:
    """A sentence that says why other words would not help; null where they may."""
    words = query.text.split()
    content = query.lexical.words
    if query.lexical.phrases:
        return "The query quotes a phrase: it is meant as it stands."
    if content and 2 * sum(_IDENTIFIER.fullmatch(word) is not None for word in words) >= len(content):
        return "The query is an identifier: other words for it would name something else."
    if _is_name(query.text, words=words):
        return "The query is one name: other words for it would name something else."
    if lead is not None and lead.is_clear:
        return "The query's own words have a clear first hit."
    return None


def _is_name(text: str, *, words: list[str]) -> bool:
    if len(words) == 1:
        return not _UNSPACED.fullmatch(text) or len(text) <= MAX_NAME_LETTERS
    return len(words) <= MAX_NAME_WORDS and all(word[0].isupper() or word[0].isdigit() for word in words)
