"""Copies of a document are one hit, and which of them is shown."""

from itertools import permutations
from pathlib import Path

import pytest

from qmd_mcp.domain.documents import Collection, Document, Passage, docid_of
from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.retrieval.grouping.spans import Grouping, Span
from qmd_mcp.retrieval.showing.text_matches import Sought

FERRY = "# Ferry\n\nThe ferry leaves at nine from the north pier, and the last one comes back at eight in the evening."
STORM = "\n\nWhen there is a storm, the captain decides at seven whether it sails, and the harbour radio says so."
LONG = FERRY + STORM
COLLECTIONS = {
    "all": Collection("all", Path("/notes"), ("**/*.md",)),
    "pier": Collection("pier", Path("/notes/pier"), ("**/*.md",)),
}


def of(path: str, text: str = FERRY, *, collection: str = "all", ordinal: int = 0, content: str = "") -> Passage:
    docid = docid_of(collection, path, content or text)
    line = 1 + 10 * ordinal
    lines = text.count("\n")
    return Passage(docid, collection, path, path, ordinal, (), "", text, line, line + lines, 1000 * ordinal, 1000)


def spans(*ranked: Passage, words: str = "ferry pier", joined: bool = False, limit: int = 10) -> tuple[Span, ...]:
    documents = {
        each.docid: Document(each.docid, each.collection, each.path, each.title, each.text, 1, 1, 1, 9)
        for each in ranked
        if each.ordinal == 0 or each.docid
    }
    sought = Sought.of(LexicalQuery(words=tuple(words.split())))
    return Grouping(per_document=0, joined=joined).spans(
        ranked, sought=sought, documents=documents, collections=COLLECTIONS, limit=limit
    )


def shown(*ranked: Passage, words: str = "ferry pier", joined: bool = False) -> list[tuple[str, tuple[str, ...]]]:
    return [(span.best.path, span.also) for span in spans(*ranked, words=words, joined=joined)]


@pytest.mark.parametrize(
    ("plain", "copy"),
    [
        ("ferry.md", "ferry (1).md"),
        ("ferry.md", "old/ferry copy.md"),
        ("deep/down/ferry.md", "ferry copy.md"),
        ("ferry.md", "old/ferry.md"),
        ("ferry.md", "ferry 2.md"),
        ("a/ferry.md", "b/ferry.md"),
        ("plan/ferry.md", "plan copy/ferry.md"),
        ("ferry.md", "ferry.sync-conflict-20260101-120000-ABCDEFG.md"),
        ("boat.md", "ferry of the north.md"),
    ],
)
def test_the_plain_path_is_shown_whichever_ranks_first(plain: str, copy: str) -> None:
    for first, second in permutations([plain, copy]):
        assert shown(of(first), of(second)) == [(plain, (f"all/{copy}:1-3",))]


def test_of_nested_collections_the_file_is_one_hit_though_one_of_them_is_indexed_later() -> None:
    outer, inner = of("pier/ferry.md", LONG), of("ferry.md", LONG + "\n\nNew.", collection="pier")
    for ranked in permutations([outer, inner]):
        assert [(span.best, span.also) for span in spans(*ranked)] == [(inner, ("all/pier/ferry.md:1-5",))]


def test_the_score_is_that_of_the_best_copy() -> None:
    other = of("boats.md", "Boats are moored in the old basin behind the market, where they wait for the spring.")
    (first, second) = spans(of("ferry copy.md"), other, of("ferry.md"))
    assert (first.best.path, first.rank, second.rank) == ("ferry.md", 0, 1)


def test_a_copy_with_something_more_is_shown_only_if_the_query_is_about_that() -> None:
    longer = of("ferry (1).md", FERRY + STORM)
    assert shown(longer, of("ferry.md")) == [("ferry.md", ("all/ferry (1).md:1-5",))]
    assert shown(longer, of("ferry.md"), words="storm ferry")[0][0] == "ferry (1).md"
    plain, old = of("ferry.md", FERRY + STORM), of("ferry (old copy).md")
    assert shown(old, plain, words="storm ferry")[-1][0] == "ferry.md"


def test_copies_that_say_different_things_are_separate_hits() -> None:
    other = of("ferry (1).md", "# Ferry\n\nTickets for the ferry are sold at the kiosk beside the pier until noon.")
    assert [path for path, _ in shown(other, of("ferry.md"))] == ["ferry (1).md", "ferry.md"]


def test_two_different_changes_of_one_file_do_not_hide_each_other() -> None:
    one, two = of("ferry (1).md", FERRY + STORM), of("ferry (2).md", FERRY + STORM.replace("storm", "thick fog"))
    paths = [path for path, _ in shown(one, two, of("ferry.md"), words="storm fog")]
    assert {"ferry (1).md", "ferry (2).md"} <= set(paths)


def test_documents_that_nearly_agree_are_shown_by_the_better_one() -> None:
    one, two = of("zoo/harbour.md", LONG), of("boats.md", LONG + " It says so.")
    assert shown(one, two, joined=True) == [("zoo/harbour.md", ("all/boats.md:1-5",))]
    assert shown(two, one, joined=True) == [("boats.md", ("all/zoo/harbour.md:1-5",))]


def test_files_of_one_name_are_no_copies_because_of_it() -> None:
    paths = [path for path, _ in shown(of("a/README.md", FERRY), of("b/README.md", FERRY + STORM))]
    assert paths == ["a/README.md", "b/README.md"]


@pytest.mark.parametrize(
    ("joined", "also"),
    [
        (True, [("all/ferry (1).md:1-11",)]),
        (False, [("all/ferry (1).md:1-3",), ("all/ferry (1).md:11",)]),
    ],
)
def test_every_passage_of_a_copied_document_is_named_at_its_own_place(
    *, joined: bool, also: list[tuple[str, ...]]
) -> None:
    def passage(path: str, ordinal: int) -> Passage:
        return of(path, FERRY if ordinal == 0 else STORM.strip(), ordinal=ordinal, content="whole")

    texts = {"ferry.md", "ferry (1).md"}
    documents = {docid_of("all", path, "whole"): path for path in texts}
    ranked = [passage("ferry (1).md", 0), passage("ferry.md", 1), passage("ferry.md", 0), passage("ferry (1).md", 1)]
    made = Grouping(per_document=0, joined=joined).spans(
        ranked,
        sought=Sought.of(LexicalQuery(words=("ferry",))),
        documents={docid: Document(docid, "all", path, path, "whole", 1, 1, 1, 2) for docid, path in documents.items()},
        collections=COLLECTIONS,
        limit=10,
    )
    assert {span.best.path for span in made} == {"ferry.md"}
    assert [span.also for span in made] == also


def test_what_one_document_says_twice_stays_two_hits_where_passages_are_hits() -> None:
    ranked = [of("log.md", FERRY, ordinal=ordinal, content="log") for ordinal in (0, 2)]
    assert [len(spans(*ranked, joined=joined)) for joined in (False, True)] == [2, 1]
