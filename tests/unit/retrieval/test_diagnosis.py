"""Which words are said to be missing, how many of them, and which spellings are offered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import pytest

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.term_analysis import TermAnalysis
from qmd_mcp.retrieval.answering.diagnosis import MOST_EXPLAINED, MOST_NAMED, NEAREST, Diagnosis, nearest_spellings
from qmd_mcp.retrieval.query.syntax import parse
from qmd_mcp.retrieval.query.term_occurrences import Term

pytestmark = pytest.mark.anyio

KNOWN = {"five": 9, "standby": 4, "vault": 7, "vaults": 1, "encrypt": 3, "c": 5}


@dataclass
class Words:
    """A vocabulary in memory that counts what is asked of it; a term is a part of a word between underscores."""

    known: Mapping[str, int] = field(default_factory=lambda: KNOWN)
    together: int = 1
    """How many look-ups of surfaces must be under way before any is answered."""
    analysed: int = 0
    surfaces: list[str] = field(default_factory=list)
    met: anyio.Event = field(default_factory=anyio.Event)

    async def terms_of(self, text: str) -> Sequence[str]:
        self.analysed += 1
        return text.lower().replace("_", " ").split()

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        return {term: self.known.get(term, 0) for term in terms}

    async def passages(self) -> int:
        return 100

    async def surface(self, term: str) -> str:
        self.surfaces.append(term)
        if len(self.surfaces) == self.together:
            self.met.set()
        await self.met.wait()
        return f"{term}s"

    async def all_terms(self) -> Mapping[str, int]:
        return self.known

    async def terms_at_hand(self) -> Mapping[str, int]:
        return self.known


def diagnosis_with(vocabulary: Words) -> Diagnosis:
    return Diagnosis(vocabulary, analysis=TermAnalysis(vocabulary.terms_of))


async def of_nothing(query: str, vocabulary: Words, *, collections: Sequence[str] = ()) -> list[str]:
    return await diagnosis_with(vocabulary).of_nothing(parse(query), collections=collections)


async def of_missing(query: str, vocabulary: Words) -> list[str]:
    parsed = parse(query)
    words = [term for word in parsed.lexical.words for term in await vocabulary.terms_of(word)]
    vocabulary.analysed = 0
    terms = [Term(word, passages=vocabulary.known.get(word, 0)) for word in words]
    return await diagnosis_with(vocabulary).of_missing(parsed, terms)


def unknown_words(count: int) -> list[str]:
    return [f"vaul{number:04}" for number in range(count)]


@pytest.mark.parametrize(
    ("term", "offered"),
    [
        ("stanbdy", ["standby"]),  # two letters in each other's place are one edit
        ("vaault", ["vault", "vaults"]),  # nearest first
        ("encrpyt", ["encrypt"]),
        ("drive", []),  # two edits make another word of five letters
        ("kubernet", []),
        ("d", []),
        ("数据", []),
    ],
)
def test_the_nearest_spellings_of_a_term(term: str, offered: list[str]) -> None:
    assert nearest_spellings(term, KNOWN) == offered


async def test_every_missing_word_has_its_sentence_with_the_nearest_spellings() -> None:
    assert await of_nothing("vaault kubernetes five", Words()) == [
        "'vaault' occurs nowhere in the index; nearest in the index: vaults, vaultss.",
        "'kubernetes' occurs nowhere in the index.",
    ]


async def test_of_an_identifier_only_the_missing_parts_are_named() -> None:
    assert await of_nothing("five_zeppelin", Words()) == ["'zeppelin' occurs nowhere in the index."]
    assert await of_missing("five_zeppelin", Words()) == ["Nowhere in the index: 'zeppelin'."]


async def test_of_600_unknown_words_ten_are_explained_and_the_others_are_counted() -> None:
    vocabulary = Words()
    notes = await of_nothing(" ".join(unknown_words(600)), vocabulary)
    assert notes[0] == "'vaul0000' occurs nowhere in the index."
    assert len(notes) == MOST_EXPLAINED + 1
    assert notes[-1] == "The index also lacks all or a part of 590 more words of the query."
    assert vocabulary.analysed <= 2


async def test_spellings_are_looked_for_only_of_words_that_are_named() -> None:
    misspelled = [f"vault{letter}" for letter in "abcdefghijklmnop"]
    vocabulary = Words()
    notes = await of_nothing(" ".join(misspelled), vocabulary)
    assert sum("nearest in the index: vaults" in note for note in notes) == MOST_EXPLAINED
    assert len(vocabulary.surfaces) <= MOST_EXPLAINED * NEAREST


async def test_one_word_more_than_are_named_is_counted_in_the_singular() -> None:
    notes = await of_nothing(" ".join(unknown_words(MOST_EXPLAINED + 1)), Words())
    assert notes[-1] == "The index also lacks all or a part of 1 more word of the query."
    assert len(await of_nothing(" ".join(unknown_words(MOST_EXPLAINED)), Words())) == MOST_EXPLAINED


async def test_an_identifier_of_600_unknown_parts_names_few_of_them() -> None:
    vocabulary = Words()
    (note,) = await of_nothing("_".join(["five", *unknown_words(600)]), vocabulary)
    assert note == "'vaul0000', 'vaul0001', 'vaul0002' and 597 more parts of one word occur nowhere in the index."
    (note,) = await of_missing("_".join(["five", *unknown_words(600)]), Words())
    assert note == "Nowhere in the index: 'vaul0000', 'vaul0001', 'vaul0002' and 597 more parts of one word."


async def test_of_600_words_that_the_index_has_elsewhere_few_are_named() -> None:
    words = unknown_words(600)
    (note,) = await of_nothing(" ".join(words), Words(known=dict.fromkeys(words, 2)), collections=["notes"])
    assert note.startswith("The index has passages with 'vaul0000' in 2, ")
    assert note.endswith("'vaul0009' in 2 and 590 more words, but none within collection notes.")


async def test_beside_hits_three_words_are_named_and_the_others_are_counted() -> None:
    vocabulary = Words()
    (note,) = await of_missing("vaault " + " ".join(unknown_words(599)), vocabulary)
    assert note.startswith("Nowhere in the index: 'vaault' (nearest: vaults), 'vaul0000', 'vaul0001' and ")
    assert note.endswith(" and all or a part of 597 more words of the query.")
    assert vocabulary.analysed <= 2
    assert len(vocabulary.surfaces) <= MOST_NAMED


async def test_surfaces_are_looked_up_concurrently() -> None:
    vocabulary = Words(together=3)
    with anyio.fail_after(5):
        notes = await of_nothing("vaault encrpyt", vocabulary)
    assert len(notes) == 2
    assert sorted(vocabulary.surfaces) == ["encrypt", "vault", "vaults"]


def test_names_that_no_hit_has_as_written_are_named_up_to_a_limit() -> None:
    hit = Passage("d", "c", "a.md", "", 0, (), "", "the join of os.path", 1, 1, 0, 1)
    diagnosis = diagnosis_with(Words())
    assert diagnosis.of_names(parse("os.path join"), [hit]) == []
    assert diagnosis.of_names(parse("os.join"), [hit]) == ["No hit has 'os.join' as written; these match parts of it."]
    notes = diagnosis.of_names(parse(" ".join(f"os.name{number}" for number in range(300))), [hit])
    assert notes[-1] == "No hit has 290 more names of the query as written."
    assert len(notes) == MOST_EXPLAINED + 1
