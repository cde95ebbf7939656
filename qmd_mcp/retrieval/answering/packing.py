"""Packing whole passages into a budget of tokens, and the cursor to what comes next."""

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
"""Characters of Latin text that are counted as one token. The tokenizers of large models take 3.5 (code) to 4.5 (prose)
characters for a token, so this counts rather too many tokens, and an answer stays within its budget. Every character
outside ASCII counts as one token."""

OVERHEAD = 30
"""Tokens that a hit takes besides its text, place, breadcrumb and context: its number, docid, score, relevance and the
fences around the text."""

WORTH_BEGINNING = 50
"""A hit that does not fit whole is shown in part only if at least this many of its tokens fit, because a heading alone
says nothing. The first hit of an answer is always shown."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a hit's text that is shown: whole lines, or a part of one line that alone exceeds the budget."""

    text: str
    start: int
    """Position in the hit's text, in characters, at which the piece begins."""
    end: int
    """Position at which the rest of the text begins."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How much of the hits earlier answers have shown."""

    question: str
    """Fingerprint of the question, by which the cursor of another question is noticed."""
    seen: str
    """Fingerprint of the hits before the cursor, by which a change of the index is noticed."""
    hits: int
    """How many hits were shown whole."""
    characters: int = 0
    """How many characters of the next hit were shown."""

    def encoded(self) -> str:
        """The cursor as an answer gives it: text that needs no escaping in a URL."""
        row = json.dumps([self.question, self.seen, self.hits, self.characters], separators=(",", ":"))
        return base64.urlsafe_b64encode(row.encode()).decode().rstrip("=")

    @classmethod
    def decoded(cls, text: str, *, question: str) -> Cursor:
        """The cursor that was encoded as this text.

        Raises:
            ArgumentError: no answer gave this text, or it gave it to another question.
        """
        try:
            padded = text + "=" * (-len(text) % 4)
            asked, seen, hits, characters = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            cursor = cls(question=str(asked), seen=str(seen), hits=int(hits), characters=int(characters))
        except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError) as error:
            sentence = "cursor is not one that an answer gave: leave it out to begin with the best hits."
            raise ArgumentError(sentence) from error
        if cursor.question != question or min(cursor.hits, cursor.characters) < 0:
            sentence = "cursor belongs to another question: give it with the same query and arguments, or leave it out."
            raise ArgumentError(sentence)
        return cursor


def pack(texts: Sequence[str], *, costs: Sequence[int], max_tokens: int, start: int = 0) -> list[Piece]:
    """Take as many texts as fit, best first; one that does not fit whole is cut after a line and is the last.

    `costs` are the tokens that each hit takes besides its text and `OVERHEAD`. `start` is the number of characters of
    the first text that an earlier answer has shown. The first text always gives a piece, cut within a line if no whole
    line fits, so that every answer gets further than the one before.
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
    """The position after the last whole line that fits into `room` tokens, and the tokens up to it."""
    end, spent = begin, 0
    for line in re.findall(r"[^\n]*\n|[^\n]+", text[begin:]):
        cost = tokens_of(line.rstrip("\n"))
        if spent + cost > room:
            break
        spent += cost
        end += len(line)
    return end, spent


def tokens_of(text: str) -> int:
    """About how many tokens a line takes in the client's model, with its line end; rather too many than too few."""
    ascii_letters = sum(character.isascii() for character in text)
    return 1 + round(ascii_letters / CHARACTERS_PER_TOKEN + len(text) - ascii_letters)


def fingerprint(*parts: str) -> str:
    """A hash of eight hex digits: enough to notice that something has changed."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:8]
