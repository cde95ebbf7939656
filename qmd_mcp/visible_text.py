"""Text that hides nothing: what may leave the program as part of an answer, a message or a line of its log.

Three kinds of characters never leave. Controls and explicit directional characters are replaced by something visible,
because they act on a terminal or show a person another text than a model reads. Invisible characters (the property
Default_Ignorable_Code_Point of Unicode, DerivedCoreProperties.txt) are removed, because a text reads the same without
them, and sentences have been hidden in runs of them.

Invisible characters that change what is read stay where Unicode gives them a meaning, one at a time:

- a joiner after a letter of a cursive script, after a virama, or between a letter and a virama, as Persian, Hindi and
  Bengali need it (UAX #31, section 2.3.1, A1, A2 and B; RFC 5892, appendices A.1 and A.2);
- a joiner between two emoji, and a selector of their presentation (UTS #51, ED-9a and ED-16);
- the three flags that are recommended as sequences of tags (UTS #51, ED-14a; RGI_Emoji_Tag_Sequence);
- a variation selector and the vowel separator of Mongolian after a Mongolian letter, whose form they choose.

Every other variation selector chooses a glyph of the same character (UTS #37), so that nothing is lost without it.
"""

from __future__ import annotations

import re
import unicodedata

_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Default_Ignorable_Code_Point without the explicit directional characters. The three implicit marks (U+061C, U+200E,
U+200F) are among these: they only order punctuation on a screen, and many Hebrew and Arabic texts have them."""

_REPLACED = "\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff"
"""Controls, line ends, explicit directional characters, interlinear annotation, and halves of surrogate pairs, which no
encoding can send."""

_IN_A_LINE = re.compile(f"[\0-\x1f{_REPLACED}{_INVISIBLE}][{_INVISIBLE}]*")
_IN_LINES = re.compile(f"[\0-\x08\x0b-\x1f{_REPLACED}{_INVISIBLE}][{_INVISIBLE}]*")

_FLAG = "\U0001f3f4"
_REGIONS = tuple(
    "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f" for region in ("gbeng", "gbsct", "gbwls")
)

_INVISIBLE_ONE = re.compile(f"[{_INVISIBLE}]")

_VIRAMA = 9
"""The canonical combining class of viramas."""

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_PRESENTATIONS = "\ufe0e\ufe0f"
_MONGOLIAN_SELECTORS = "\u180b\u180c\u180d\u180e\u180f"

_CURSIVE = re.compile("[\u07ca-\u07ea\u0840-\u0858\u1807\u1820-\u18aa\ua840-\ua872\U0001e900-\U0001e943]")
"""Letters that join and are of another direction than Arabic's: N'Ko, Mandaic, Mongolian, Phags-pa and Adlam."""

_MONGOLIAN = re.compile("[\u1820-\u18aa]")

_EMOJI_BESIDES_SYMBOLS = re.compile(
    "[\u203c\u2049\u2139\u2194\u25fb-\u25fe\u2934\u2935\u3030\u303d\U0001f3fb-\U0001f3ff]"
)
"""The emoji of emoji-data.txt that are of another category than So, without the keys of a telephone."""

_KEYS = re.compile("[0-9#*]")
_KEYCAP = "\u20e3"


def one_line(text: str) -> str:
    """Show a name, a title or a sentence so that it stays on its line and hides nothing."""
    return _IN_A_LINE.sub(_visible, text)


def block(text: str) -> str:
    """Show lines of a file so that they hide nothing."""
    return _IN_LINES.sub(_visible, text.replace("\r\n", "\n"))


def _visible(found: re.Match[str]) -> str:
    """Show one character that is not invisible, without what hides behind it, or keep what a run means."""
    code = ord(found[0][0])
    if code < 0x20:  # noqa: PLR2004  the C0 controls have pictures in the same order
        return chr(0x2400 + code)
    if code in {0x2028, 0x2029}:
        return " "
    if code == 0x7F:  # noqa: PLR2004  DEL has its picture behind those of the other controls
        return "\u2421"
    return _meant(found) if _INVISIBLE_ONE.match(found[0]) else "\ufffd"


def _meant(found: re.Match[str]) -> str:
    """The beginning of a run of invisible characters that changes how its neighbours read; mostly nothing."""
    run, text, start, end = found[0], found.string, found.start(), found.end()
    before, after = text[max(start - 1, 0) : start], text[end : end + 1]
    if before == _FLAG and run.startswith(_REGIONS):
        return run[: len(_REGIONS[0])]
    if run[0] in _PRESENTATIONS and (_is_emoji(before) or (_KEYS.match(before) and after == _KEYCAP)):
        joined = run[1:2] == _ZWJ and _is_emoji(after)
        return run[:2] if joined else run[0]
    if run[0] in _MONGOLIAN_SELECTORS:
        return run[0] if _MONGOLIAN.match(before) else ""
    if run[0] == _ZWJ and _is_emoji(before) and _is_emoji(after):
        return run[0]
    joins = run[0] in {_ZWNJ, _ZWJ} and _joins(text, start, after)
    return run[0] if joins else ""


def _joins(text: str, position: int, after: str) -> bool:
    """Whether a joiner at the position acts on the letters beside it."""
    while position and unicodedata.combining(text[position - 1]) not in {0, _VIRAMA}:
        position -= 1  # a mark that the joiner looks through: UAX #31 calls it transparent
    before = text[position - 1] if position else ""
    if not before:
        return False
    if unicodedata.combining(before) == _VIRAMA or _CURSIVE.match(before):
        return True
    if not unicodedata.category(before).startswith("L"):
        return False
    return unicodedata.bidirectional(before) == "AL" or unicodedata.combining(after or " ") == _VIRAMA


def _is_emoji(character: str) -> bool:
    return bool(character) and (
        unicodedata.category(character) == "So" or _EMOJI_BESIDES_SYMBOLS.match(character) is not None
    )
