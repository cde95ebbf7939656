"""Whole passages within a budget of tokens, and a cursor to what comes next."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from qmd_mcp.errors import ArgumentError

CHARACTERS_PER_TOKEN = 3.5
"""Of Latin text; the large models' tokenisers take 3.5 (code) to 4.5 (prose) characters for one, so that the budget is
kept rather than used up. A letter of any other script counts as one token."""

OVERHEAD = 40
"""Tokens of a hit's first line: number, place, docid, score and heading."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one hit shows: some whole lines of its text."""

    text: str
    first_line: int
    """0-based, within the hit's text."""
    last_line: int
    """Included."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far earlier answers came: hits that were shown whole, and lines of the next."""

    question: str
    """Identifies what was asked, so that a cursor is not used for another question."""
    seen: str
    """Identifies the hits before it, so that a changed index is noticed."""
    hits: int
    lines: int = 0

    def encoded(self) -> str:
        """As the answer gives it: text that survives URLs."""
        row = json.dumps([self.question, self.seen, self.hits, self.lines], separators=(",", ":"))
        return base64.urlsafe_b64encode(row.encode()).decode().rstrip("=")

    @classmethod
    def decoded(cls, text: str, *, question: str) -> Cursor:
        """Read one back.

        Raises:
            ArgumentError: it is none of ours, or of another question.
        """
        try:
            padded = text + "=" * (-len(text) % 4)
            asked, seen, hits, lines = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            cursor = cls(question=str(asked), seen=str(seen), hits=int(hits), lines=int(lines))
        except (ValueError, TypeError, binascii.Error, RecursionError) as error:
            sentence = "cursor is not one that an answer gave; leave it out to begin with the best hits."
            raise ArgumentError(sentence) from error
        if cursor.question != question or min(cursor.hits, cursor.lines) < 0:
            sentence = "cursor belongs to another question: give it with the same query and arguments, or leave it out."
            raise ArgumentError(sentence)
        return cursor


def pack(texts: Sequence[str], *, max_tokens: int, first_line: int = 0) -> list[Piece]:
    """As many texts as fit, best first; one that does not fit whole is cut at a line and is the last.

    `first_line` skips lines of the first text, which an earlier answer has shown. The first text always gives at
    least one line, cut within it if need be, so that a cursor always gets on.
    """
    pieces: list[Piece] = []
    room = max_tokens
    for number, text in enumerate(texts):
        lines = text.split("\n")
        start = min(first_line, len(lines) - 1) if number == 0 else 0
        room -= OVERHEAD
        taken = start
        while taken < len(lines) and tokens_of(lines[taken]) <= room:
            room -= tokens_of(lines[taken])
            taken += 1
        if taken == start and pieces:
            break
        if taken == start:
            whole = lines[start]
            kept = whole[: max(1, int(max(room, 1) * _share(whole)))]
            pieces.append(Piece(f"{kept}…", start, start))
            break
        pieces.append(Piece("\n".join(lines[start:taken]), start, taken - 1))
        if taken < len(lines):
            break
    return pieces


def tokens_of(text: str) -> int:
    """About how many tokens a client's model counts, its line end included; rather too many than too few."""
    ascii_letters = sum(character.isascii() for character in text)
    return 1 + round(ascii_letters / CHARACTERS_PER_TOKEN + len(text) - ascii_letters)


def fingerprint(*parts: str) -> str:
    """Eight hex digits: enough to notice that something is not the same."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:8]


def _share(text: str) -> float:
    """Characters for one token, of a text."""
    return len(text) / tokens_of(text)
