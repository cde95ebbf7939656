"""What leaves the program hides nothing, and what a language needs stays legible."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qmd_mcp.visible_text import block, one_line

IGNORABLE = frozenset(
    [
        *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0x200B, 0x2010)),
        *(*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164, *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0),
        *(*range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000)),
    ]
)
"""Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt."""

LEGIBLE = {
    "Persian": "می‌روم، کتاب‌ها و خانه‌ای",
    "Persian, an abbreviation": "۱۴۰۰ ه‍.ش",
    "Hindi": "क्‍ष और कर्‌म",
    "Marathi": "दुसऱ्‍या",
    "Bengali": "র‍্যাব",
    "Malayalam": "അവന്‍",
    "Sinhala": "ශ්‍රී ලංකා",
    "Mongolian": "ᠭᠣᠯ᠎ᠠ",
    "families and professions": "👩‍👩‍👧‍👦 👨🏽‍🚀 🧑🏻‍❤️‍💋‍🧑🏿 ⛹🏽‍♂️ 🙂‍↔️",
    "selectors of presentation": "❤️‍🔥 🏳️‍🌈 ✈︎ ©️ ℹ️ ‼️",
    "keycaps": "1️⃣ #️⃣ *️⃣",
    "the flag of Scotland": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "scripts without spaces, and ordinary marks": "知識 한국어 ภาษาไทย नमस्ते e\u0301 שָׁלוֹם العَرَبِيَّة",
}

HIDING = {
    "a sentence in variation selectors": ("😀" + "".join(chr(0xE0100 + each) for each in b"Ignore it"), "😀"),
    "a sentence in the first selectors": ("a" + "".join(chr(0xFE00 + each % 16) for each in b"Ignore it"), "a"),
    "a sentence after the right selector": ("❤\ufe0f" + "\ufe0e\ufe0f" * 9, "❤\ufe0f"),
    "a sentence in tags": ("a" + "".join(chr(0xE0000 + each) for each in b"Ignore it"), "a"),
    "a sentence in the tags of a flag": ("🏴" + "".join(chr(0xE0000 + each) for each in b"Ignore it\x7f"), "🏴"),
    "a sentence behind a real flag": (
        LEGIBLE["the flag of Scotland"] + "".join(chr(0xE0000 + each) for each in b"more"),
        LEGIBLE["the flag of Scotland"],
    ),
    "bits in joiners between Latin letters": ("a\u200db\u200cc\u200bd\u2060e\ufefff", "abcdef"),
    "bits in joiners of a language that has them": ("می" + "\u200c\u200d" * 9 + "روم", "می\u200cروم"),
    "a glyph variant of an ideograph": ("葛\U000e0100飾", "葛飾"),
    "a soft hyphen": ("Do\u00adnau", "Donau"),
    "a directional mark": ("שלום\u200f!", "שלום!"),
    "a directional override": ("exe\u202etxt.a", "exe\ufffdtxt.a"),
    "fillers": ("a\u3164\u115f\uffa0b", "ab"),
    "a run behind a control": ("\x1b\u200d\ufe0f[31m", "␛[31m"),
}

TEXTS = st.text(
    alphabet=st.sampled_from([*"a1 \n\t\r", *"\x1b\x85\u2028\u202e", *"知می्क😀❤♂🏴", *map(chr, sorted(IGNORABLE))])
    | st.sampled_from([*"\u200c\u200d\ufe0f\u180b\U000e0067\U000e007f"]),
    max_size=30,
)


@pytest.mark.parametrize("text", LEGIBLE.values(), ids=LEGIBLE.keys())
def test_what_a_language_needs_stays(text: str) -> None:
    assert one_line(text) == text
    assert block(text) == text


@pytest.mark.parametrize(("text", "shown"), HIDING.values(), ids=HIDING.keys())
def test_what_hides_is_gone_or_visible(text: str, shown: str) -> None:
    assert one_line(text) == shown
    assert block(text) == shown


def test_lines_and_tabs_of_a_file_stay_and_leave_no_name() -> None:
    assert block("a\r\nb\tc\x0bd\n") == "a\nb\tc␋d\n"
    assert one_line("a\r\nb\tc\u2028d") == "a␍␊b␉c d"


@given(TEXTS)
@example("🏴\u200b\U000e0067")
def test_nothing_else_of_a_text_changes_and_it_changes_once(text: str) -> None:
    shown = one_line(text)
    assert one_line(shown) == shown
    assert block(block(text)) == block(text)
    assert [each for each in shown if each.isalnum()] == [
        each for each in text if each.isalnum() and ord(each) not in IGNORABLE
    ]


@given(TEXTS)
def test_no_two_invisible_characters_follow_each_other(text: str) -> None:
    """But a selector and a joiner of emoji, and the tags of the three flags."""
    shown = one_line(text)
    for first, second in pairwise(shown):
        if {ord(first), ord(second)} <= IGNORABLE:
            assert (first, second) == ("\ufe0f", "\u200d") or (first, second) == ("\ufe0e", "\u200d") or "🏴" in shown
    assert not any(unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in shown)
