"""Which documents references and globs name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from qmd_mcp.corpus.library.naming import MANY_DOCUMENTS, Naming
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection, Document, DocumentNames, docid_of
from qmd_mcp.errors import DocumentNotFoundError

pytestmark = pytest.mark.anyio

ROOT = Path("/somewhere/notes")


@dataclass(slots=True)
class Documents:
    """Documents of one collection; counts how often they are looked up by name."""

    paths: Sequence[str]
    look_ups: list[Sequence[str]] = field(default_factory=list[Sequence[str]])

    def _all(self) -> dict[str, Document]:
        made = (Document(docid_of("notes", path, ""), "notes", path, "", "", 0, 0, 0, 1) for path in self.paths)
        return {document.key: document for document in made}

    async def by_prefix(self, prefix: str) -> tuple[Document, ...]:
        return tuple(document for document in self._all().values() if document.docid.startswith(prefix))

    async def by_keys(self, keys: Sequence[str]) -> Mapping[str, Document]:
        self.look_ups.append(keys)
        return {key: document for key, document in self._all().items() if key in keys}

    async def names(self) -> tuple[DocumentNames, ...]:
        return tuple(DocumentNames(each.key, each.title, each.properties.aliases) for each in self._all().values())


async def collections() -> dict[str, Collection]:
    return {"notes": Collection("notes", ROOT, ("**/*.md",))}


async def selected(documents: Documents, *patterns: str) -> tuple[list[str], list[Skip]]:
    found, skipped = await Naming(documents, collections=collections).select(patterns)
    return [document.path for _, document in found], skipped


async def test_a_malformed_glob_is_skipped_with_its_reason_and_the_others_are_read() -> None:
    paths, skipped = await selected(Documents(["a.md", "b.md"]), "notes/{a,b", "notes/[z-a].md", "notes/b.md")
    assert paths == ["b.md"]
    assert [skip.path for skip in skipped] == ["notes/{a,b", "notes/[z-a].md"]
    assert [skip.reason for skip in skipped] == [
        "The glob 'notes/{a,b' cannot be used: a brace has no partner.",
        "The glob 'notes/[z-a].md' cannot be used: bad character range z-a at position 7.",
    ]


async def test_a_file_whose_name_is_a_malformed_glob_is_read_by_its_name() -> None:
    assert await selected(Documents(["{draft.md", "[z-a].md"]), "notes/{draft.md", "notes/[z-a].md") == (
        ["{draft.md", "[z-a].md"],
        [],
    )


async def test_all_documents_of_an_answer_are_looked_up_at_once() -> None:
    documents = Documents([f"{number:03}.md" for number in range(100)])
    references = ["notes/000.md:3:4", "qmd://notes/001.md", f"#{docid_of('notes', '002.md', '')}", str(ROOT / "003.md")]
    paths, skipped = await selected(documents, *references, "notes/01*.md", "nowhere.md")
    assert paths == [f"{number:03}.md" for number in (0, 1, 2, 3, *range(10, 20))]
    assert [skip.path for skip in skipped] == ["nowhere.md"]
    assert len(documents.look_ups) == 1


async def test_a_reference_that_can_be_read_in_several_ways_takes_one_look_up() -> None:
    documents = Documents(["a.md:3", "b.md"])
    naming = Naming(documents, collections=collections)
    reference, document = await naming.find("notes/a.md:3")
    assert (reference.from_line, document.path) == (None, "a.md:3")
    reference, document = await naming.find("notes/b.md:3")
    assert (reference.from_line, document.path) == (3, "b.md")
    assert len(documents.look_ups) == 2


async def test_signs_that_are_encoded_in_a_uri_stand_for_themselves() -> None:
    documents = Documents(["[1]/a.md", "1/a.md", "{x,y}.md", "x.md", "100%.md"])
    assert (await selected(documents, "qmd://notes/%5B1%5D/*.md"))[0] == ["[1]/a.md"]
    assert (await selected(documents, "qmd://notes/%7Bx%2Cy%7D.m?"))[0] == ["{x,y}.md"]
    assert (await selected(documents, "qmd://notes/100%25.m?"))[0] == ["100%.md"]


async def test_a_glob_beyond_the_limit_is_cut_and_says_so() -> None:
    paths, skipped = await selected(Documents([f"{number}.md" for number in range(MANY_DOCUMENTS + 3)]), "**/*.md")
    assert len(paths) == MANY_DOCUMENTS
    assert skipped == [Skip("3 more documents", "an answer has 50 at most: narrow the glob")]


async def test_similar_names_are_offered_for_one_that_is_not_there() -> None:
    naming = Naming(Documents(["ops/failover.md", "soup.md"]), collections=collections)
    with pytest.raises(DocumentNotFoundError, match=r"Did you mean notes/ops/failover\.md, notes/soup\.md\?"):
        await naming.find("notes/failover.md")
