"""Analysing many texts in one call."""

from __future__ import annotations

from collections.abc import Sequence

from qmd_mcp.retrieval.search_protocols import TermFrequencies

_SEPARATOR = "qzwordbreakzq"
"""A word that no text has; it stands between the texts."""


class TermAnalysis:
    """Terms of each of several texts, as the index analyses them."""

    def __init__(self, vocabulary: TermFrequencies) -> None:
        self._vocabulary = vocabulary

    async def of_each(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """The terms of each text, in order; a text that contains the separator has none."""
        if not texts:
            return []
        (separator,) = await self._vocabulary.terms_of(_SEPARATOR)
        known = ["" if _SEPARATOR in text.lower() else text for text in texts]
        terms: list[list[str]] = [[]]
        for term in await self._vocabulary.terms_of(f"\n{_SEPARATOR}\n".join(known)):
            if term == separator:
                terms.append([])
            else:
                terms[-1].append(term)
        return [tuple(each) for each in terms]
