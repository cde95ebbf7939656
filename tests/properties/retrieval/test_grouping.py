"""What grouping keeps, whatever is ranked."""

from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from qmd_mcp.domain.documents import Collection, Document, Passage, docid_of
from qmd_mcp.domain.lookup import LexicalQuery
from qmd_mcp.retrieval.grouping.spans import Grouping, Span
from qmd_mcp.retrieval.showing.text_matches import Sought

NAMES = ["a.md", "a (1).md", "a copy.md", "old/a.md", "b.md", "b 2.md", "c/README.md", "d/README.md"]
SENTENCES = [
    "The ferry leaves at nine from the north pier every day of the week but one.",
    "Zebras graze behind the fence, and the keeper counts them when the sun goes down.",
    "A long table of nodes and their owners is kept by the people in the cellar.",
]
TEXTS = [*SENTENCES, " ".join(SENTENCES[:2]), " ".join(SENTENCES), "hi", "Hi!", "数据库连接超时"]
COLLECTIONS = {name: Collection(name, Path("/x", folder), ("**/*.md",)) for name, folder in (("c", ""), ("d", "old"))}
SOUGHT = Sought.of(LexicalQuery(words=("ferry", "zebra", "owner")))


@st.composite
def rankings(draw: st.DrawFn) -> list[Passage]:
    """Passages of documents that have up to three passages each, ranked in any order."""
    passages: list[Passage] = []
    for path in draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1)):
        texts = draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3))
        collection = draw(st.sampled_from([*COLLECTIONS]))
        docid = docid_of(collection, path, "\n".join(texts))
        for ordinal, text in enumerate(texts):
            line = 1 + 2 * ordinal
            passages.append(
                Passage(docid, collection, path, "", ordinal, (), "", text, line, line, 500 * ordinal, 500 * ordinal)
            )
    return draw(st.permutations(passages))


def grouped(ranked: list[Passage], *, joined: bool) -> tuple[Span, ...]:
    contents: dict[str, list[str]] = {}
    for passage in sorted(ranked, key=lambda each: each.ordinal):
        contents.setdefault(passage.docid, []).append(passage.text)
    documents = {
        each.docid: Document(each.docid, each.collection, each.path, "", "\n".join(contents[each.docid]), 1, 1, 1, 3)
        for each in ranked
    }
    return Grouping(per_document=0, joined=joined).spans(
        ranked, sought=SOUGHT, documents=documents, collections=COLLECTIONS, limit=100
    )


@given(ranked=rankings(), joined=st.booleans())
def test_every_passage_is_shown_or_named_once(ranked: list[Passage], *, joined: bool) -> None:
    spans = grouped(ranked, joined=joined)
    seen = [each for span in spans for each in (*span.passages, *span.copies)]
    assert sorted(each.passage_id for each in seen) == sorted(each.passage_id for each in ranked)
    assert all(span.best in span.passages for span in spans)
    assert all(bool(span.also) == bool(span.copies) for span in spans)


@given(ranked=rankings(), joined=st.booleans())
def test_the_order_is_that_of_the_best_of_each_hit(ranked: list[Passage], *, joined: bool) -> None:
    spans = grouped(ranked, joined=joined)
    ranks = [span.rank for span in spans]
    assert ranks == sorted(set(ranks))
    for span in spans:
        of_its_own = [ranked.index(each) for each in (*span.passages, *span.copies)]
        assert span.rank in of_its_own
    assert grouped(ranked, joined=joined) == spans


@given(ranked=rankings())
def test_no_copy_that_is_hidden_has_a_word_of_the_query_that_the_shown_one_lacks(ranked: list[Passage]) -> None:
    for span in grouped(ranked, joined=False):
        for copy in span.copies:
            assert SOUGHT.found_in(copy.text) <= SOUGHT.found_in(span.best.text)


@given(ranked=rankings())
def test_passages_of_one_document_are_hits_of_their_own_where_nothing_is_joined(ranked: list[Passage]) -> None:
    assume(len({(each.docid, each.text) for each in ranked}) == len(ranked))  # a paragraph that is repeated is a copy
    for span in grouped(ranked, joined=False):
        docids = [each.docid for each in (*span.passages, *span.copies)]
        assert span.passages == (span.best,)
        assert docids.count(span.best.docid) == 1


@given(ranked=rankings(), joined=st.booleans(), position=st.integers(0, 400))
def test_a_span_has_a_heading_everywhere(ranked: list[Passage], *, joined: bool, position: int) -> None:
    for span in grouped(ranked, joined=joined):
        assert span.heading_at(position) == ()
        assert span.text.startswith(span.passages[0].text)
