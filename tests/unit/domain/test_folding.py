"""Spellings that people use for each other have one form."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.domain.text.folding import folded
from qmd_mcp.domain.text.searched_text import path_words, without_markup


@pytest.mark.parametrize(
    ("written", "other"),
    [
        ("Résumé", "resume"),
        ("naïve café", "NAIVE CAFE"),
        ("İstanbul", "istanbul"),
        ("ISPARTA", "ısparta"),
        ("Straße", "STRASSE"),
        ("Ærø", "aero"),
        ("Łódź", "lodz"),
        ("đường", "duong"),
        ("Ελλάδα", "ελλαδα"),
        ("λόγος", "λογοσ"),
        ("ёлка", "Елка"),
        ("ﾃﾞｰﾀ", "データ"),
        ("ＡＢＣ１２", "abc12"),
        ("サーバー", "サーバ"),
        ("請檢查網路備份", "请检查网路备份"),
        ("麵條", "面条"),
        ("مُحَمَّد", "محمد"),
        ("أحمد", "احمد"),
        ("کتاب", "كتاب"),
        ("שָׁלוֹם", "שלום"),
        ("٣٤", "34"),
        ("데이터베이스를", "데이터베이스"),
        ("백업했다", "백업"),
        ("서버에서는", "서버"),
        ("책을", "책"),
        ("don’t", "don't"),
        ("co\u00adoperate", "cooperate"),
        ("ﬁle", "file"),
        ("⚠\ufe0f", "⚠"),
    ],
)
def test_spellings_of_one_word_are_folded_to_the_same(written: str, other: str) -> None:
    assert folded(written) == folded(other)


@pytest.mark.parametrize(
    ("word", "another"), [("й", "и"), ("コピー", "コピ"), ("क", "का"), ("ก", "กิ"), ("회의", "회"), ("가을", "가")]
)
def test_other_words_stay_other_words(word: str, another: str) -> None:
    assert folded(word) != folded(another)


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(st.text())
def test_composed_and_decomposed_text_are_folded_to_the_same(text: str) -> None:
    assert folded(unicodedata.normalize("NFD", text)) == folded(unicodedata.normalize("NFC", text))


@given(st.text(alphabet=st.characters(categories=["L", "N"])))
def test_a_word_stays_one_word(word: str) -> None:
    assert len(folded(word).split()) <= 1


@pytest.mark.parametrize(
    ("text", "path", "shown"),
    [
        ("Read the [manual](https://example.org/m) first.", "a.md", "Read the [manual first."),
        ('See [it](/x "The title") now', "a.md", "See [it now"),
        ("See [the text][ref] now", "a.md", "See [the text now"),
        ("a <b>bold</b> word", "a.md", "a bold word"),
        ("handlers[name](event) now", "a.py", "handlers[name](event) now"),
        ("See [[https://example.org][the page]] now", "a.org", "See [the page]] now"),
        ("See https://example.org/x[the page] now", "a.adoc", "See [the page] now"),
        ("x < y and a > b", "a.md", "x < y and a > b"),
    ],
)
def test_targets_of_links_and_tags_do_not_stand_between_words(text: str, path: str, shown: str) -> None:
    assert without_markup(text, path=path) == shown


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("Helios/RFC-0042-acme.md", "Helios RFC 0042 acme"),
        ("src/userService_v2.py", "src user Service v2"),
        ("日记/2026-03-01.md", "日记 2026 03 01"),
        ("Makefile", "Makefile"),
        (".env.d/README", "env d README"),
    ],
)
def test_a_path_gives_its_words(path: str, words: str) -> None:
    assert path_words(path) == words
