"""From the published files of a set to the form that the evaluation reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from benchmarks.parts import set_conversions as convert
from benchmarks.parts.published_forms import ConvertedSet, paragraph_id
from qmd_mcp.evaluation.datasets import read_dataset
from tests import published_sets as published


def the_set(
    documents: dict[str, tuple[str, str]], queries: dict[str, str], judgements: Mapping[tuple[str, str], int]
) -> ConvertedSet:
    return ConvertedSet(documents, queries, dict(judgements))


AMAZON, BOWL = (paragraph_id(text) for text in ("About Amazon_rainforest.", "About Super_Bowl_50."))
TOLL, ASIDE = paragraph_id("造成 12人死亡。"), paragraph_id("无关。")

CASES: Mapping[str, tuple[Callable[[Mapping[str, bytes]], ConvertedSet], Mapping[str, bytes], ConvertedSet]] = {
    "beir": (
        convert.from_beir,
        published.BEIR,
        the_set({"4983": ("White matter", "Alterations.")}, {"1": "A claim."}, {("1", "4983"): 1}),
    ),
    "cranfield": (
        convert.from_cranfield,
        published.CRANFIELD,
        the_set(
            {"1": ("a wing in a slipstream .", "an experimental study of a wing ."), "2": ("", "")},
            {"1": "what similarity laws must be obeyed for aircraft .", "2": "heat conduction ."},
            {("1", "1"): 3, ("1", "2"): 0, ("2", "1"): 2, ("2", "2"): 0},
        ),
    ),
    "cisi": (
        convert.from_cisi,
        published.CISI,
        the_set(
            {"1": ("18 Editions", "A history of the DDC.")},
            {"1": "What problems?", "58": "Library Networking Control."},
            {("1", "1"): 1, ("58", "1"): 1},
        ),
    ),
    "npl": (
        convert.from_npl,
        published.NPL,
        the_set(
            {"1": ("", "compact memories have flexible capacities"), "2": ("", "an analogue computer")},
            {"1": "measurement of constants in liquids"},
            {("1", "1"): 1, ("1", "2"): 1},
        ),
    ),
    "squad": (
        convert.from_squad_fold,
        published.SQUAD,
        the_set(
            {
                AMAZON: ("Amazon rainforest", "About Amazon_rainforest."),
                BOWL: ("Super Bowl 50", "About Super_Bowl_50."),
            },
            {"Amazon_rainforest-0": "How large is it?"},
            {("Amazon_rainforest-0", AMAZON): 1},
        ),
    ),
    "cmrc": (
        convert.from_cmrc,
        published.CMRC,
        the_set(
            {paragraph_id("由光荣开发。"): ("战国无双3", "由光荣开发。")},
            {"战国无双3-0": "由谁开发?"},
            {("战国无双3-0", paragraph_id("由光荣开发。")): 1},
        ),
    ),
    "xquad": (
        convert.from_xquad,
        published.XQUAD,
        the_set(
            {BOWL: ("Super Bowl 50", "About Super_Bowl_50.")},
            {"Super_Bowl_50-0": "谁赢了?"},
            {("Super_Bowl_50-0", BOWL): 1},
        ),
    ),
    "cosqa": (
        convert.from_cosqa,
        published.COSQA,
        the_set(
            {"c0": ("", "def a():\n    return 0"), "c1": ("", "def b():\n    return 1")},
            {"cosqa-train-8333": "python zero"},
            {("cosqa-train-8333", "c0"): 1},
        ),
    ),
    "locomo": (
        convert.from_locomo,
        published.LOCOMO,
        the_set(
            {
                "26/D2:1": ("1 pm on 8 May, 2023", "Ann: Look! [photo: a dog]"),
                "26/D10:1": ("2 pm on 9 May, 2023", "Ann: Back."),
            },
            {"26/q0/c1": "What did Ann show?"},
            {("26/q0/c1", "26/D2:1"): 1, ("26/q0/c1", "26/D10:1"): 1},
        ),
    ),
    "rgb": (
        convert.from_rgb,
        published.RGB,
        the_set(
            {TOLL: ("", "造成 12人死亡。"), ASIDE: ("", "无关。")},
            {"q7": "死亡人数"},
            {("q7", TOLL): 1, ("q7", ASIDE): 0},
        ),
    ),
    "tldr": (
        convert.from_tldr,
        published.TLDR,
        the_set(
            {
                "android/bugreport": ("bugreport", "- D:\n`bugreport`"),
                "common/b": ("b", "- Do it:\n`b`"),
                "linux/d": ("d", "`d`"),
                "osx/d": ("d", "`d`"),
            },
            {"q:android/bugreport": "Show an Android bug report"},
            {("q:android/bugreport", "android/bugreport"): 1},
        ),
    ),
    "astro": (
        convert.from_astro,
        published.ASTRO,
        the_set(
            {"a": ("一", "正文。"), "a/islands": ("群岛", "正文。"), "b": ("二", "正文。")},
            {"q:a/islands": "关于 群岛。"},
            {("q:a/islands", "a/islands"): 1},
        ),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_set_is_converted_from_the_form_that_it_is_published_in(name: str) -> None:
    conversion, files, expected = CASES[name]

    found = conversion(files).without_unanswered()

    assert found == expected
    assert list(found.documents) == list(expected.documents)


@pytest.mark.parametrize("name", CASES)
def test_a_converted_set_is_one_that_the_evaluation_reads(name: str, tmp_path: Path) -> None:
    conversion, files, _ = CASES[name]
    found = conversion(files).without_unanswered()

    found.write(tmp_path / name)

    dataset = read_dataset(tmp_path / name)
    assert {each.document_id: (each.title, each.text) for each in dataset.documents} == found.documents
    assert {each.query_id: each.text for each in dataset.queries} == found.queries
