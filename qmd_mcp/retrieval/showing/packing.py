"""Packing whole passages into a budget of tokens, and the cursor to what comes next."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from qmd_mcp.errors import ArgumentError
from qmd_mcp.retrieval.showing.piece import Piece
from qmd_mcp.retrieval.showing.table_headers import header_above
from qmd_mcp.retrieval.showing.text_matches import Sought, TextMatches

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


BEFORE_MATCH = 4
"""A text that is begun in its middle is begun where this part of the room is before the match: what leads to a matching
line helps to understand it, and what follows it more often is the answer."""

_LEFT_OUT = 2
"""Tokens of the ellipsis that stands for what is left out before a piece."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How much of one text earlier answers have shown.

    A text that is too long for one answer is shown from where its match is to its end, and then from its beginning.
    """

    following: int = 0
    """Position at which the next answer goes on."""
    begun: int = 0
    """Position at which the first answer began."""

    def rest(self, text: str) -> tuple[int, int]:
        """[start, end) of what is shown next."""
        return self.following, self.begun if self.following < self.begun else len(text)

    def after(self, end: int, text: str) -> Turn | None:
        """The turn after what is shown next has been shown up to a position; None after all of the text was shown."""
        _, stop = self.rest(text)
        if end < stop:
            return Turn(end, self.begun)
        return Turn(0, self.begun) if stop == len(text) and self.begun else None


NOT_BEGUN = Turn()
"""That of a text of which nothing was shown."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How much of the hits earlier answers have shown."""

    question: str
    """Fingerprint of the question, by which the cursor of another question is noticed."""
    seen: str
    """Fingerprint of the hits before the cursor, by which a change of the index is noticed."""
    hits: int
    """How many hits were shown whole."""
    turn: Turn = NOT_BEGUN
    """How much of the next hit was shown."""

    def encoded(self) -> str:
        """The cursor as an answer gives it: text that needs no escaping in a URL."""
        row = [self.question, self.seen, self.hits, self.turn.following, self.turn.begun]
        return base64.urlsafe_b64encode(json.dumps(row, separators=(",", ":")).encode()).decode().rstrip("=")

    @classmethod
    def decoded(cls, text: str, *, question: str) -> Cursor:
        """The cursor that was encoded as this text.

        Raises:
            ArgumentError: no answer gave this text, or it gave it to another question.
        """
        try:
            padded = text + "=" * (-len(text) % 4)
            asked, seen, hits, following, begun = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            cursor = cls(str(asked), seen=str(seen), hits=int(hits), turn=Turn(int(following), int(begun)))
        except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError) as error:
            sentence = "cursor is not one that an answer gave: leave it out to begin with the best hits."
            raise ArgumentError(sentence) from error
        if cursor.question != question or min(cursor.hits, cursor.turn.following, cursor.turn.begun) < 0:
            sentence = "cursor belongs to another question: give it with the same query and arguments, or leave it out."
            raise ArgumentError(sentence)
        return cursor


@dataclass(frozen=True, slots=True)
class Packable:
    """The text of one hit, and what decides how it is cut."""

    text: str
    cost: int
    """Tokens that the hit takes besides its text and `OVERHEAD`."""
    sought: Sought
    """What of the query the part that is shown should have."""
    header: str = ""
    """The header of the table in whose middle the text begins."""

    def header_at(self, position: int, *, room: int) -> str:
        """The header of the table in whose middle a position is; nothing if it would leave its rows too little room."""
        header = header_above(self.text, position, first=self.header)
        return header if 2 * _tokens_of_lines(header) <= room else ""


@dataclass(frozen=True, slots=True)
class Packed:
    """What one answer shows of some texts."""

    pieces: tuple[Piece, ...]
    """One for each of the first texts."""
    turn: Turn | None
    """How much of the last of them was shown; None if all of it."""
    within_line: bool = False
    """Whether the last piece ends within a line, because no whole line has room."""


def pack(items: Sequence[Packable], *, max_tokens: int, turn: Turn = NOT_BEGUN) -> Packed:
    """Take as many texts as fit, best first; one that does not fit whole is cut after a line and is the last.

    Such a text is begun at a line from which on the line that matches best fits too; what stands before that comes
    last. `turn` is that of the first text. The first text always gives a piece, cut within a line, after a word, if no
    whole line fits, so that every answer gets further than the one before, and none repeats what another has shown.
    """
    pieces: list[Piece] = []
    room = max_tokens
    for number, item in enumerate(items):
        room -= OVERHEAD + item.cost
        going_on = number == 0 and turn != NOT_BEGUN and max(turn.following, turn.begun) < len(item.text)
        mine = turn if going_on else Turn(begin := _beginning(item, room), begin)
        begin, stop = mine.rest(item.text)
        header = item.header_at(begin, room=room)
        at_line = begin == 0 or item.text[begin - 1] == "\n"
        left_out = "…" if begin and (header or not (going_on and at_line)) else ""
        left = room - _tokens_of_lines(header) - (_LEFT_OUT if left_out else 0)
        end, spent = _fitting(item.text[:stop], begin, left)
        if pieces and end - begin < len(item.text) and spent < WORTH_BEGINNING:
            break
        after = ""
        if end == begin:  # not even one line
            line = item.text[begin:stop].split("\n", 1)[0]
            end, after = begin + _after_a_word(line, max(1, int(max(left, 1) * len(line) / tokens_of(line)))), "…"
        before = f"{left_out}\n" if left_out and at_line else left_out
        shown = before + item.text[begin:end].strip("\n") + after
        pieces.append(Piece(f"{header}\n{shown}" if header else shown, begin, end))
        following = mine.after(end, item.text)
        if following is not None:
            return Packed(tuple(pieces), following, within_line=bool(after))
        room = left - spent
    return Packed(tuple(pieces), None)


def _beginning(item: Packable, room: int) -> int:
    """Where a text of which nothing was shown is begun: at its first line if its matching line then fits too."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", item.text)
    costs = [tokens_of(line.rstrip("\n")) for line in lines]
    first = room - _tokens_of_lines(item.header_at(0, room=room))
    if sum(costs) <= first:
        return 0
    match = TextMatches(item.text, item.sought).best()
    number = item.text.count("\n", 0, match)
    if sum(costs[: number + 1]) <= first:
        return 0
    begin = item.text.rfind("\n", 0, match) + 1
    left = room - _tokens_of_lines(item.header_at(match, room=room)) - _LEFT_OUT
    if costs[number] > left:  # the line is longer than the room
        return begin if BEFORE_MATCH * tokens_of(item.text[begin:match]) <= left else match
    before = min(left - costs[number], max(left // BEFORE_MATCH, left - sum(costs[number:])))
    while number > 0 and costs[number - 1] <= before:
        number -= 1
        before -= costs[number]
        begin -= len(lines[number])
    return begin


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


def _after_a_word(line: str, length: int) -> int:
    """The length of the beginning of a line that ends with a word and is at most so long.

    Where no blank is in its second half, as in Chinese or in a long URL, it ends anywhere but before a mark or a joiner
    that belongs to the character before it.
    """
    if length >= len(line):
        return length
    blank = max((position for position in range(length // 2, length) if line[position].isspace()), default=0)
    if blank:
        return blank + 1
    while length > 1 and unicodedata.category(line[length])[0] in "MC":
        length -= 1
    return length


def _tokens_of_lines(text: str) -> int:
    return sum(map(tokens_of, text.splitlines()))


def tokens_of(text: str) -> int:
    """About how many tokens a line takes in the client's model, with its line end; rather too many than too few."""
    ascii_letters = sum(character.isascii() for character in text)
    return 1 + round(ascii_letters / CHARACTERS_PER_TOKEN + len(text) - ascii_letters)


def fingerprint(*parts: str) -> str:
    """A hash of eight hex digits: enough to notice that something has changed."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()[:8]
