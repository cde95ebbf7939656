"""The phrases and the negations of a query, held against candidates.

Lexical retrieval applies both in the index. Dense retrieval and sub-queries cannot, so what they find is checked here
by the same analysis: `"connection pools"` is in a passage that says "connection pool", for `search` and `query` alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.domain.text.folding import folded
from qmd_mcp.domain.text.identifiers import identifiers_in, marks_in
from qmd_mcp.domain.text.searched_text import SearchedText
from qmd_mcp.domain.text.term_analysis import TermAnalysis


async def permitted(query: LexicalQuery, passages: Sequence[Passage], *, analysis: TermAnalysis) -> NDArray[np.bool_]:
    """[passages]; whether each has every phrase and none of the negated words or phrases of the query.

    As in the index, a phrase has to stand within one of the fields that are searched.
    """
    if not passages or not (query.phrases or query.negatives):
        return np.ones(len(passages), dtype=bool)
    fields = [SearchedText.of(passage).fields() for passage in passages]
    asked = [folded(each) for each in (*query.phrases, *query.negatives)]
    terms = await analysis.of_each([*asked, *chain.from_iterable(fields)])
    each = len(fields[0])
    found = [terms[first : first + each] for first in range(len(asked), len(terms), each)]
    marks = [frozenset(marks_in(phrase)) for phrase in (*query.phrases, *query.negatives)]
    names = [_names_of(passage) if any(marks) else frozenset[str]() for passage in passages]

    def has(phrase: int, passage: int) -> bool:
        return marks[phrase] <= names[passage] and _occurs(terms[phrase], found[passage])

    wanted, unwanted = range(len(query.phrases)), range(len(query.phrases), len(asked))
    return np.array(
        [
            all(has(phrase, passage) for phrase in wanted) and not any(has(phrase, passage) for phrase in unwanted)
            for passage in range(len(passages))
        ],
        dtype=bool,
    )


def _names_of(passage: Passage) -> frozenset[str]:
    """The names and signs of a passage, which phrases such as `"C++"` and `"a && b"` need beside their words."""
    return frozenset(identifiers_in(f"{passage.title}\n{passage.table_header}\n{passage.text}").split())


def without_phrases(query: LexicalQuery) -> LexicalQuery:
    """The same query with the words of its phrases as plain words."""
    words = (*query.words, *(word for phrase in query.phrases for word in phrase.split()))
    return replace(query, words=words, phrases=())


def quoted(phrases: Sequence[str]) -> str:
    """The phrases as they are named in a sentence."""
    return " and ".join(f'"{phrase}"' for phrase in phrases)


def _occurs(phrase: tuple[str, ...], fields: Sequence[tuple[str, ...]]) -> bool:
    """Whether a phrase's terms stand next to each other in one of the fields; a phrase without a term never does."""
    length = len(phrase)
    return length > 0 and any(
        field[start : start + length] == phrase
        for field in fields
        if phrase[0] in field
        for start in range(len(field) - length + 1)
    )
