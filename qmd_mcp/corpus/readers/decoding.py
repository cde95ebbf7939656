"""Decoding the bytes of a file, or telling why they are not text."""

from __future__ import annotations

import codecs
import re

from qmd_mcp.domain.answers import SkipReason
from qmd_mcp.domain.normal_forms import nfc

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_SAMPLE = 65_536
"""How many bytes are examined for control characters."""

_TEXT_BYTES = bytes({*range(0x20, 0x7F), *range(0x80, 0x100), *b"\b\t\n\f\r\x1b"})

_MOST_CONTROL = 0.02
"""Most bytes outside `_TEXT_BYTES`, as a fraction: random bytes have .10, the output of a terminal has next to none."""

_CONTROL = re.compile(r"[\x01-\x08\x0b-\x1f\x7f-\x9f]")

_LAST_FREQUENT_ROW = 0xD7
"""The last row of GB2312 with punctuation or one of the 3,755 frequent ideographs."""

_LAST_KOREAN_ROW = 0xC8
"""The last row of EUC-KR with syllables."""

_LEAST_COMMON = 0.9
"""Fewest frequent ideographs, as a fraction of all characters beyond ASCII, for a text to be Chinese: Latin-1 or
Shift-JIS that is decoded as GB18030 gives mostly ideographs that GB2312 does not have."""

_LEAST_HIGH = 0.1
"""Fewest characters above the Korean rows, as the same fraction: about half of a Chinese text lies there, and none of a
Korean one."""

_MOST_ACCENTS = 0.5
"""Most accented letters, as a fraction of all characters but blanks. No Western European language has as many, whereas
Cyrillic that is decoded as one consists of them."""


class NotTextError(Exception):
    """The bytes of a file are not text. `formats.read` turns it into a `Skip`, so it never leaves this package."""

    def __init__(self, reason: SkipReason) -> None:
        super().__init__(reason)
        self.reason = reason


def decode(data: bytes) -> str:
    """Decode bytes by their byte order mark, as UTF-8, or in the older encodings of Chinese and Western systems.

    The text is in NFC and its lines end with a newline. Control characters other than tab and newline become blanks, so
    that none reaches a terminal. Lines have the same numbers as in the file.

    Raises:
        NotTextError: the bytes are binary, or in an encoding that could only be guessed.
    """
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    if encoding is None and _is_binary(data):
        raise NotTextError("binary")
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise NotTextError("not decodable") from error
        text = _legacy(data)
    if "\0" in text:
        raise NotTextError("binary")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _CONTROL.search(text):
        text = _CONTROL.sub(" ", text)
    return text if text.isascii() else nfc(text)


def _is_binary(data: bytes) -> bool:
    sample = data[:_SAMPLE]
    return b"\0" in data or len(sample.translate(None, _TEXT_BYTES)) > _MOST_CONTROL * len(sample)


def _legacy(data: bytes) -> str:
    """Decode as GB18030 if that gives mostly frequent ideographs, else as cp1252 if that gives few accented letters."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        pass
    else:
        if _is_chinese(text):
            return text
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise NotTextError("not decodable") from error
    accents = sum(character > "\x7f" for character in text)
    if accents > _MOST_ACCENTS * len("".join(text.split())):
        raise NotTextError("not decodable")
    return text


def _is_chinese(text: str) -> bool:
    foreign = [character for character in text if character > "\x7f"]
    rows = "".join(foreign).encode("gb2312", "ignore")[::2]
    frequent = sum(row <= _LAST_FREQUENT_ROW for row in rows)
    high = sum(row > _LAST_KOREAN_ROW for row in rows)
    return frequent >= _LEAST_COMMON * len(foreign) and high >= _LEAST_HIGH * len(foreign)
