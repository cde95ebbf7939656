"""One form for all spellings of a word, in which texts are indexed and queries are looked up."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """Fold a text: case, accents, widths and variants of letters that people write for each other are the same."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).lower()
