"""The part of a hit's text that is shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines or sentences, or a part of one that alone is too long."""

    text: str
    """What is shown; ellipses stand for what is left out before and after, and a table's header above its rows."""
    start: int
    """Position in the hit's text, in characters, at which the piece begins."""
    end: int
    """Position at which the rest of the text begins."""
