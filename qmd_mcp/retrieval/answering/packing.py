"""Whole passages within a budget of tokens, and a cursor to what comes next."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from qmd_mcp.errors import ArgumentError

CHARACTERS_PER_TOKEN = 3.5
"""Of Latin text; the large models' tokenisers take 3.5 (code) to 4.5 (prose) characters for one, so that the budget is
kept rather than used up. A letter of any other script counts as one token."""

OVERHEAD = 30
"""Tokens of a hit beside its text, place, breadcrumb and context: number, docid, score, relevance and the fences."""

WORTH_BEGINNING = 50
"""Tokens of a hit that must fit for a part of it to be shown behind others: its heading alone says nothing."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one hit shows: whole lines of its text, or a part of one that alone is beyond the budget."""

    text: str
    start: int
    """Characters of the hit's text before it."""
    end: int
    """Where the rest begins."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far earlier answers came: hits that were shown whole, and characters of the next."""

    question: str
    """Identifies what was asked, so that a cursor is not used for another question."""
    seen: str
    """Identifies the hits before it, so that a changed index is noticed."""
    hits: int
    characters: int = 0

    def encoded(self) -> str:
        """As the answer gives it: text that survives URLs."""
        row = json.dumps([self.question, self.seen, self.hits, self.characters], separators=(",", ":"))
        return base64.urlsafe_b64encode(row.encode()).decode().rstrip("=")

    @classmethod
    def decoded(cls, text: str, *, question: str) -> Cursor:
        """Read one back.

        Raises:
            ArgumentError: it is none of ours, or of another question.
        """
        try:
            padded = text + "=" * (-len(text) % 4)
            asked, seen, hits, characters = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            cursor = cls(question=str(asked), seen=str(seen), hits=int(hits), characters=int(characters))
        except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError) as error:
            sentence = "cursor is not one that an answer gave; leave it out to begin with the best hits."
            raise ArgumentError(sentence) from error
        if cursor.question != question or min(cursor.hits, cursor.characters) < 0:
            sentence = "cursor belongs to another question: give it with the same query and arguments, or leave it out."
            raise ArgumentError(sentence)
        return cursor


def pack(texts: Sequence[str], *, costs: Sequence[int], max_tokens: int, start: int = 0) -> list[Piece]:
    """As many texts as fit, best first; one that does not fit whole is cut at a line and is the last.

    `costs` are the tokens of each hit beside its text and `OVERHEAD`; `start` skips characters of the first text, which
    an earlier answer has shown. The first text always gives something, cut within a line if need be, so that a cursor
    always gets on.
    """
    pieces: list[Piece] = []
    room = max_tokens
    for text, cost in zip(texts, costs, strict=True):
        begin = start if not pieces and start < len(text) else 0
        room -= OVERHEAD + cost
        end, spent = _fitting(text, begin, room)
        if pieces and end < len(text) and spent < WORTH_BEGINNING:
            break
        after = ""
        if end == begin:  # not even one line
            line = text[begin:].split("\n", 1)[0]
            end, after = begin + max(1, int(max(room, 1) * len(line) / tokens_of(line))), "…"
        before = "…" if begin and text[begin - 1] != "\n" else ""
        pieces.append(Piece(before + text[begin:end].strip("\n") + after, begin, end))
        if end < len(text):
            break
        room -= spent
    return pieces


def _fitting(text: str, begin: int, room: int) -> tuple[int, int]:
    """The end of the last whole line that fits, and the tokens up to it."""
    end, spent = begin, 0
    for line in re.findall(r"[^\n]*\n|[^\n]+", text[begin:]):
        cost = tokens_of(line.rstrip("\n"))
        if spent + cost > room:
            break
        spent += cost
        end += len(line)
    return end, spent


def tokens_of(text: str) -> int:
    """About how many tokens a client's model counts, its line end included; rather too many than too few."""
    ascii_letters = sum(character.isascii() for character in text)
    return 1 + round(ascii_letters / CHARACTERS_PER_TOKEN + len(text) - ascii_letters)


def fingerprint(*parts: str) -> str:
    """Eight hex digits: enough to notice that something is not the same."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:8]
