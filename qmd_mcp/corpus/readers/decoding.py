"""Bytes of a file as characters, or the reason why they are none."""

from __future__ import annotations

import codecs
import re
import unicodedata

from qmd_mcp.domain.answers import SkipReason

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_SAMPLE = 65_536
"""Bytes that are looked at for control characters."""

_TEXT_BYTES = bytes({*range(0x20, 0x7F), *range(0x80, 0x100), *b"\b\t\n\f\r\x1b"})

_MOST_CONTROL = 0.02
"""Random bytes have .10 outside of `_TEXT_BYTES`, a terminal's output next to none."""

_CONTROL = re.compile(r"[\x01-\x08\x0b-\x1f\x7f-\x9f]")

_LAST_FREQUENT_ROW = 0xD7
"""Of GB2312: punctuation and the 3,755 frequent ideographs end here."""

_LAST_KOREAN_ROW = 0xC8
"""Of EUC-KR, whose syllables end here."""

_LEAST_COMMON = 0.9
"""Latin-1 or Shift-JIS mistaken for GB18030 gives mostly ideographs that GB2312 does not have."""

_LEAST_HIGH = 0.1
"""About half of a Chinese text lies above the Korean rows, and nothing of a Korean one."""

_MOST_ACCENTS = 0.5
"""Of what is no blank. No Western European language has as many; Cyrillic mistaken for one is made of them."""


class NotTextError(Exception):
    """Bytes that are no text; never leaves the reader."""

    def __init__(self, reason: SkipReason) -> None:
        super().__init__(reason)
        self.reason = reason


def decode(data: bytes) -> str:
    """Decode by Unicode's marks, as UTF-8, or as what Chinese and Western systems wrote before it.

    The text is in NFC, its lines end with a newline, and every control character but tab and newline is a blank, so
    that none reaches a terminal; lines and their numbers are those of the file.

    Raises:
        NotTextError: the bytes are binary, or in an encoding that would have to be guessed.
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
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _is_binary(data: bytes) -> bool:
    sample = data[:_SAMPLE]
    return b"\0" in data or len(sample.translate(None, _TEXT_BYTES)) > _MOST_CONTROL * len(sample)


def _legacy(data: bytes) -> str:
    """GB18030 where it gives frequent ideographs, cp1252 where it gives a few accents."""
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
