"""Which words are said to be nowhere, how many of them, and what is looked at before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import pytest

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import Places
from qmd_mcp.domain.text.term_analysis import TermAnalysis
from qmd_mcp.retrieval.answering.diagnosis import MOST_EXPLAINED, MOST_NAMED, Diagnosis
from qmd_mcp.retrieval.query.syntax import parse
from qmd_mcp.retrieval.query.term_occurrences import Term
from qmd_mcp.retrieval.vocabulary.near_words import NearWords, Replacement

pytestmark = pytest.mark.anyio

KNOWN = {"five": 9, "standby": 4, "vault": 7, "vaults": 1, "encrypt": 3, "c": 5}
TEXTS = (
    "He fell accidentally, and the standby took over.",
    "我在信里删除了",
    "Vaults encrypt five times; see setMaxRetryCount.",
)


@dataclass
class Words:
    """A vocabulary in memory that counts what is asked of it; a term is a part of a word between underscores."""

    known: Mapping[str, int] = field(default_factory=lambda: KNOWN)
    together: int = 1
    """How many strings must be looked for at the same time before any answer is given."""
    just_written: frozenset[str] = frozenset()
    analysed: int = 0
    looked_for: list[str] = field(default_factory=list)
    met: anyio.Event = field(default_factory=anyio.Event)

    async def terms_of(self, text: str) -> Sequence[str]:
        self.analysed += 1
        return text.lower().replace("_", " ").split()

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        return {term: self.known.get(term, 0) for term in terms}

    async def passages(self) -> int:
        return 100

    async def surface(self, term: str, *, like: str) -> str | None:
        return None

    async def all_terms(self) -> Mapping[str, int]:
        return self.known

    async def names(self, words: Sequence[str]) -> frozenset[str]:
        return frozenset()

    async def words(self, words: Sequence[str]) -> frozenset[str]:
        return self.just_written & frozenset(words)

    async def passage_with(self, phrase: str) -> str | None:
        return None

    async def places(self, text: str) -> Places:
        self.looked_for.append(text)
        if len(self.looked_for) == self.together:
            self.met.set()
        await self.met.wait()
        having = [each for each in TEXTS if text.lower() in each.lower()]
        return Places(len(having), tuple(word for each in having for word in each.split() if text in word.lower()))


def diagnosis_with(vocabulary: Words) -> Diagnosis:
    return Diagnosis(vocabulary, analysis=TermAnalysis(vocabulary.terms_of))


async def of_nothing(query: str, vocabulary: Words, *, collections: Sequence[str] = ()) -> list[str]:
    return await diagnosis_with(vocabulary).of_nothing(parse(query), collections=collections)


async def of_missing(query: str, vocabulary: Words, *, near: NearWords | None = None) -> list[str]:
    parsed = parse(query)
    words = [term for word in parsed.lexical.words for term in await vocabulary.terms_of(word)]
    vocabulary.analysed = 0
    terms = [Term(word, passages=vocabulary.known.get(word, 0)) for word in words]
    return await diagnosis_with(vocabulary).of_missing(parsed, terms, near=near or NearWords())


def unknown_words(count: int) -> list[str]:
    return [f"zeppelin{number:04}" for number in range(count)]


@pytest.mark.parametrize("ask", [of_nothing, of_missing])
async def test_what_no_text_has_is_said_to_be_nowhere(ask: object) -> None:
    assert callable(ask)
    assert await ask("zeppelin five 今天", Words()) == ["Nowhere in the index: 'zeppelin', '今天'."]
    assert await ask("five_zeppelin", Words()) == ["Nowhere in the index: 'zeppelin'."]


@pytest.mark.parametrize(
    ("word", "within"),
    [
        ("accident", "accidentally,"),
        ("删", "我在信里删除了"),
        ("信里", "我在信里删除了"),
        ("retry", "setMaxRetryCount."),
    ],
)
@pytest.mark.parametrize("ask", [of_nothing, of_missing])
async def test_what_stands_within_other_words_is_never_said_to_be_nowhere(ask: object, word: str, within: str) -> None:
    assert callable(ask)
    assert await ask(word, Words()) == [f"Only within other words: {word!r} (such as {within!r}, 1 passage)."]


async def test_what_could_not_be_looked_for_in_time_is_not_mentioned() -> None:
    assert await of_nothing("zeppelin", Words(together=2)) == []


async def test_a_word_whose_terms_an_update_has_not_counted_yet_is_not_denied() -> None:
    vocabulary = Words(just_written=frozenset(("zeppelin",)))
    assert await of_missing("zeppelin airship", vocabulary) == ["Nowhere in the index: 'airship'."]


async def test_a_word_that_was_replaced_is_not_said_to_be_nowhere() -> None:
    near = NearWords((Replacement("stanbdy", ("standby",), "spelling", ("stanbdy",), near_terms=("standby",)),))
    assert await of_missing("stanbdy zeppelin", Words(), near=near) == ["Nowhere in the index: 'zeppelin'."]


async def test_of_600_unknown_words_ten_are_looked_for_and_the_others_are_counted() -> None:
    vocabulary = Words()
    notes = await of_nothing(" ".join(unknown_words(600)), vocabulary)
    assert notes[0].startswith("Nowhere in the index: 'zeppelin0000', ")
    assert notes[1:] == ["590 more words or parts of words of the query are not indexed words."]
    assert len(vocabulary.looked_for) == MOST_EXPLAINED
    assert vocabulary.analysed <= 2


async def test_one_word_more_than_are_named_is_counted_in_the_singular() -> None:
    notes = await of_nothing(" ".join(unknown_words(MOST_EXPLAINED + 1)), Words())
    assert notes[-1] == "1 more word or part of words of the query is not an indexed word."
    assert len(await of_nothing(" ".join(unknown_words(MOST_EXPLAINED)), Words())) == 1


async def test_an_identifier_of_600_unknown_parts_names_few_of_them() -> None:
    expected = [
        "Nowhere in the index: 'zeppelin0000', 'zeppelin0001', 'zeppelin0002'.",
        "597 more words or parts of words of the query are not indexed words.",
    ]
    assert await of_nothing("_".join(["five", *unknown_words(600)]), Words()) == expected
    assert await of_missing("_".join(["five", *unknown_words(600)]), Words()) == expected


async def test_of_600_words_that_the_index_has_elsewhere_few_are_named() -> None:
    words = unknown_words(600)
    (note,) = await of_nothing(" ".join(words), Words(known=dict.fromkeys(words, 2)), collections=["notes"])
    assert note.startswith("The index has passages with 'zeppelin0000' in 2, ")
    assert note.endswith("'zeppelin0009' in 2 and 590 more words, but none within collection notes.")


async def test_beside_hits_three_words_are_named_and_the_others_are_counted() -> None:
    vocabulary = Words()
    notes = await of_missing(" ".join(unknown_words(600)), vocabulary)
    assert notes[-1] == "597 more words or parts of words of the query are not indexed words."
    assert vocabulary.analysed <= 2
    assert len(vocabulary.looked_for) == MOST_NAMED


async def test_texts_are_searched_for_all_words_at_once() -> None:
    vocabulary = Words(together=3)
    with anyio.fail_after(5):
        (note,) = await of_nothing("zeppelin airship balloon", vocabulary)
    assert note == "Nowhere in the index: 'zeppelin', 'airship', 'balloon'."


@pytest.mark.parametrize(
    ("query", "collections", "sentence"),
    [
        ('"five encrypt"', (), 'No passage has "five encrypt"; these are nearest in words and meaning.'),
        ('"fell accident"', (), '"fell accident" begins or ends within a word in 1 of the passages.'),
        ('"of it" "ago" -"c x"', (), 'No passage without c x has "of it" and "ago" together; these are'),
        ('"five encrypt"', ("notes",), 'No passage within collection notes has "five encrypt"; these are'),
    ],
)
async def test_a_phrase_is_denied_only_where_it_was_looked_for(
    query: str, collections: Sequence[str], sentence: str
) -> None:
    (note,) = await diagnosis_with(Words()).of_phrases(parse(query), collections=collections)
    assert note.startswith(sentence)


def test_names_that_no_hit_has_as_written_are_named_up_to_a_limit() -> None:
    hit = Passage("d", "c", "Helios/RFC-0042.md", "", 0, (), "", "the join of os.path", 1, 1, 0, 1)
    diagnosis = diagnosis_with(Words())
    assert diagnosis.of_names(parse("os.path join RFC-0042.md"), [hit]) == []
    assert diagnosis.of_names(parse("os.join"), [hit]) == ["No hit has 'os.join' as written; these match parts of it."]
    notes = diagnosis.of_names(parse(" ".join(f"os.name{number}" for number in range(300))), [hit])
    assert notes[-1] == "No hit has 290 more names of the query as written."
    assert len(notes) == MOST_EXPLAINED + 1
