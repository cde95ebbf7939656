"""Which queries are better left as they are."""

from __future__ import annotations

import re

from qmd_mcp.lookup import Ranking
from qmd_mcp.retrieval.syntax import ParsedQuery

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


def skip_reason(parsed: ParsedQuery, *, lexical: Ranking | None = None) -> str | None:
    """A sentence that says why other words would not help; null where they may.

    `lexical` is what the query's own words found, for the queries that it answers.
    """
    words = parsed.text.split()
    if parsed.lexical.phrases:
        return "the query quotes a phrase, which is meant as it stands"
    if words and 2 * sum(_IDENTIFIER.fullmatch(word) is not None for word in words) >= len(parsed.lexical.words):
        return "the query is an identifier, and other words would name something else"
    if _is_name(parsed.text, words=words):
        return "the query is one name, and other words would name something else"
    if lexical is not None and _has_clear_lead(lexical):
        return "the query's own words have a clear first hit"
    return None


def _has_clear_lead(lexical: Ranking) -> bool:
    """Whether other documents were found, and none near the first hit's."""
    pairs = list(zip(lexical.passages, lexical.scores, strict=True))
    others = [score for passage, score in pairs if passage.docid != pairs[0][0].docid]
    return bool(others) and bool(others[0] <= LEAD * pairs[0][1])


def _is_name(text: str, *, words: list[str]) -> bool:
    if len(words) == 1:
        return not _UNSPACED.fullmatch(text) or len(text) <= MAX_NAME_LETTERS
    return len(words) <= MAX_NAME_WORDS and all(word[0].isupper() or word[0].isdigit() for word in words)
