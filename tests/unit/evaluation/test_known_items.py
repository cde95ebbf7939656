"""Queries made of passages, and what is made of their measure."""

from dataclasses import replace

import pytest

from qmd_mcp.domain.documents import Passage
from qmd_mcp.evaluation.known_items import known_items
from qmd_mcp.evaluation.recommendation import Measured, recommendation


def passage(path: str, text: str, *, title: str = "", heading: tuple[str, ...] = ()) -> Passage:
    breadcrumb = " › ".join((title, *heading))
    return Passage(path, "c", path, title, 0, heading, breadcrumb, text, 1, 1, 0, len(text))


HARBOUR = passage(
    "harbour.md",
    "The harbour master writes every ship into the blue ledger before the evening bell is rung. See max_draught_m.",
    title="Harbour",
    heading=("Arriving ships",),
)
CRANES = passage(
    "cranes.md",
    "Every crane is checked before the morning shift and after the evening bell. See crane.loadLimit for it.",
    title="Cranes",
    heading=("Daily checks",),
)
CHINESE = passage(
    "港口.md",
    "港务长在晚钟之前把每艘船写进蓝色账本,所有吊车在早班之前检查完毕,然后通知港口办公室。",
    title="港口管理手册",
)


def queries(*passages: Passage) -> dict[tuple[str, str], str]:
    return {(item.kind, item.path): item.query for item in known_items(passages, of_each=10)}


def test_every_kind_is_made_of_the_passage() -> None:
    made = queries(HARBOUR, CRANES)
    assert made["heading", "harbour.md"] == "Arriving ships"
    assert made["identifier", "cranes.md"] == "crane.loadLimit"
    assert set(made["rare words", "harbour.md"].split()).isdisjoint({"every", "evening", "bell", "before", "the"})
    masked = made["masked sentence", "harbour.md"].split()
    assert "the" in masked
    assert len(masked) < 14


def test_a_heading_that_two_sections_share_is_no_query() -> None:
    twin = passage("other.md", "Something else.", heading=("Arriving ships",))
    assert ("heading", "harbour.md") not in queries(HARBOUR, twin)


def test_a_heading_of_two_passages_of_one_document_is_a_query() -> None:
    second = replace(HARBOUR, ordinal=1, text="Something else.")
    assert queries(HARBOUR, second)["heading", "harbour.md"] == "Arriving ships"


def test_a_name_that_two_documents_have_is_no_query() -> None:
    other = passage("other.md", "The value of crane.loadLimit is read once; see also crane.id for its number.")
    made = queries(CRANES, other)
    assert ("identifier", "cranes.md") not in made
    assert made["identifier", "other.md"] == "crane.id"


def test_chinese_passages_give_queries_too() -> None:
    made = queries(CHINESE)
    assert made["heading", "港口.md"] == "港口管理手册"
    assert all(character in CHINESE.text for character in made["rare words", "港口.md"].replace(" ", ""))


def test_the_same_passages_give_the_same_queries_in_any_order() -> None:
    assert known_items([HARBOUR, CRANES], of_each=1) == known_items([CRANES, HARBOUR], of_each=1)


def test_the_overlap_is_the_share_of_words_that_stand_in_the_passage() -> None:
    assert {item.overlap for item in known_items([HARBOUR, CRANES], of_each=10)} == {1.0}


def advice(current: list[float], other: list[float], *, p50_ms: float = 10.0) -> str:
    ranks = {"query as it is set": current, "query, fusion=rrf": other}
    measured = [
        Measured(name, by_kind={"heading": mean}, mean=mean, p50_ms=took)
        for (name, values), took in zip(ranks.items(), (10.0, p50_ms), strict=True)
        for mean in [sum(values) / len(values)]
    ]
    return recommendation(measured, ranks)


@pytest.mark.parametrize(
    ("other", "begins"),
    [
        ([1.0] * 40, "Set fusion=rrf: 1.000 where it is 0.500 now"),
        ([0.5] * 39 + [0.9], "Keep the settings as they are"),  # one query is chance
        ([0.5] * 20 + [0.0] * 20, "Keep the settings as they are"),
    ],
)
def test_another_setting_is_recommended_only_if_it_is_better_by_more_than_chance(
    other: list[float], begins: str
) -> None:
    assert advice([0.5] * 40, other).startswith(begins)


def test_nothing_is_recommended_from_a_few_queries() -> None:
    assert advice([0.5] * 30, [1.0] * 30).startswith("Nothing can be recommended from 30 queries")


def test_a_way_that_is_as_good_in_much_less_time_is_mentioned() -> None:
    assert "fusion=rrf takes 4 ms in place of 10" in advice([0.5] * 40, [0.5] * 40, p50_ms=4.0)
    assert "takes" not in advice([0.5] * 40, [0.5] * 40, p50_ms=9.0)
    assert "takes" not in advice([0.5] * 40, [0.5] * 20 + [0.0] * 20, p50_ms=4.0)
