"""Normal forms of texts with more marks behind a letter than any word has."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qmd_mcp
from qmd_mcp.domain.normal_forms import MOST_MARKS, nfc, normal_form

FORMS: tuple[Literal["NFC", "NFKC", "NFD"], ...] = ("NFC", "NFKC", "NFD")
MARKS = "\u0301\u0316\u0327\u0345\u0344\u05b0\u3099\uff9e\uff9f"


@pytest.mark.parametrize("form", FORMS)
@given(st.text(max_size=80), st.integers(0, 40))
def test_a_text_without_long_runs_of_marks_has_the_normal_form_of_unicode(
    form: Literal["NFC", "NFKC", "NFD"], text: str, copies: int
) -> None:
    """Long enough that it is examined; what stands between the copies ends every run."""
    long = f"{text}." * copies + "." * 1_001
    assert normal_form(form, long) == unicodedata.normalize(form, long)


def longest_run(text: str) -> int:
    runs = re.findall("[^0]+", "".join("1" if unicodedata.combining(each) else "0" for each in text))
    return max(map(len, runs), default=0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("marks", ["\u0301\u0316", "\uff9e\u0316", "\u0345\u0327\u0301", "\u0344\u0316"])
def test_a_long_run_of_marks_is_divided(form: Literal["NFC", "NFKC", "NFD"], marks: str) -> None:
    """Sorted as one run, its time would be quadratic: a hundred times as many of these take a minute."""
    made = normal_form(form, "é" + marks * 4_000)
    assert normal_form(form, made) == made
    assert longest_run(made) <= MOST_MARKS


@given(st.text(st.sampled_from([*MARKS, "a", "é", "\u1100"]), min_size=1, max_size=200))
def test_the_form_of_a_form_is_the_same(text: str) -> None:
    for form in FORMS:
        made = normal_form(form, text * 20)
        assert normal_form(form, made) == made


def test_ordinary_texts_of_every_script_stay_as_unicode_has_them() -> None:
    text = "Ελληνικά tiếng Việt हिन्दी தமிழ் ᄒ\u1161\u11ab ﾊﾟﾊﾞ Ａ①" + "─" * 90 + "…" * 90
    for form in FORMS:
        assert normal_form(form, text * 30) == unicodedata.normalize(form, text * 30)
    assert nfc("plain") == "plain"


def test_only_one_module_calls_the_library_whose_time_is_quadratic() -> None:
    package = Path(qmd_mcp.__file__).parent
    callers = [path.name for path in package.rglob("*.py") if "unicodedata.normalize" in path.read_text("utf-8")]
    assert callers == ["normal_forms.py"]
