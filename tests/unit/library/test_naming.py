"""Which documents references and globs name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from qmd_mcp.corpus.library.naming import MANY_DOCUMENTS, Naming
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection, Document, DocumentNames, docid_of
from qmd_mcp.domain.properties import Properties
from qmd_mcp.errors import AmbiguousNameError, DocumentNotFoundError

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


VAULT = {
    "Projects/Storm plan.md": Properties(aliases=("Gale drill",)),
    "Projects/Résumé.md": Properties(),
    "plan.md": Properties(),
    "archive/plan.md": Properties(aliases=("Old plan",)),
    "archive/2024/notes.txt": Properties(),
    "C#.md": Properties(),
}


@dataclass(slots=True)
class Vault(Documents):
    """Documents with aliases and titles."""

    def _all(self) -> dict[str, Document]:
        every = Documents._all(self)
        return {
            key: replace(each, title=f"Title of {each.path}", properties=VAULT[each.path])
            for key, each in every.items()
        }


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("plan.md", "plan.md"),  # the path that a hit carries
        ("./plan.md", "plan.md"),
        ("archive/plan.md", "archive/plan.md"),
        ("Storm plan.md", "Projects/Storm plan.md"),
        ("Projects/Storm plan.md", "Projects/Storm plan.md"),
        ("projects/storm PLAN", "Projects/Storm plan.md"),
        ("Storm plan", "Projects/Storm plan.md"),
        ("resume", "Projects/Résumé.md"),
        ("notes", "archive/2024/notes.txt"),
        ("2024/notes", "archive/2024/notes.txt"),
        ("Gale drill", "Projects/Storm plan.md"),
        ("gale DRILL", "Projects/Storm plan.md"),
        ("Title of archive/plan.md", "archive/plan.md"),
        ("[[Storm plan]]", "Projects/Storm plan.md"),
        ("![[Storm plan|the plan]]", "Projects/Storm plan.md"),
        ("[[Gale drill]]", "Projects/Storm plan.md"),
        ("C#", "C#.md"),
        ("#C#", None),
        ("lan.md", None),
        ("Storm", None),
        ("/", None),
    ],
)
async def test_a_document_is_found_by_what_people_call_it(name: str, path: str | None) -> None:
    naming = Naming(Vault([*VAULT]), collections=collections)
    if path is None:
        with pytest.raises(DocumentNotFoundError):
            await naming.find(name)
    else:
        assert (await naming.find(name))[1].path == path


@pytest.mark.parametrize(
    ("name", "section", "lines"),
    [
        ("[[Storm plan#Evac]]", "Evac", (None, None)),
        ("[[Storm plan#Evac#East]]", "Evac#East", (None, None)),
        ("[[Storm plan#2024|shown]]", "2024", (None, None)),
        ("[[Storm plan#^block]]", "^block", (None, None)),
        ("Gale drill#Evac", "Evac", (None, None)),
        ("notes/Projects/Storm plan.md#evac", "evac", (None, None)),
        ("Storm plan.md#L10-L20", None, (10, 11)),
        ("Storm plan.md#L10-20", None, (10, 11)),
        ("Storm plan.md#l7", None, (7, 1)),
        ("Storm plan.md:10-20", None, (10, 11)),
        ("Storm plan.md:10:5", None, (10, 5)),
        ("Storm plan.md#3", None, (None, None)),  # a passage_id
    ],
)
async def test_a_name_may_be_followed_by_lines_or_a_heading(
    name: str, section: str | None, lines: tuple[int | None, int | None]
) -> None:
    reference, document = await Naming(Vault([*VAULT]), collections=collections).find(name)
    assert document.path == "Projects/Storm plan.md"
    assert (reference.section, (reference.from_line, reference.max_lines)) == (section, lines)


async def test_the_sign_of_a_heading_may_belong_to_the_name() -> None:
    reference, document = await Naming(Vault([*VAULT]), collections=collections).find("C#.md#Intro")
    assert (reference.section, document.path) == ("Intro", "C#.md")


async def test_a_name_that_several_documents_have_is_answered_with_the_candidates() -> None:
    naming = Naming(Documents(["a/plan.md", "b/Plan.md", "b/other.md"]), collections=collections)
    assert (await naming.find("plan.md"))[1].path == "a/plan.md"
    with pytest.raises(AmbiguousNameError, match=r"'plan' names several documents: notes/a/plan\.md, notes/b/P"):
        await naming.find("plan")
    with pytest.raises(AmbiguousNameError):
        await naming.find("[[PLAN#x]]")
    paths, skipped = await selected(Documents(["a/plan.md", "b/plan.md"]), "plan.md", "b/plan")
    assert paths == ["b/plan.md"]
    assert [skip.path for skip in skipped] == ["plan.md"]


async def test_a_name_goes_before_an_alias() -> None:
    naming = Naming(Documents(["Gale drill.md"]), collections=collections)
    assert (await naming.find("Gale drill"))[1].path == "Gale drill.md"
    both = Vault(["Projects/Storm plan.md", "plan.md"])
    assert (await Naming(both, collections=collections).find("Gale drill"))[1].path == "Projects/Storm plan.md"


async def test_a_relative_path_begins_at_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "docs" / "deep")

    async def here() -> dict[str, Collection]:
        return {"notes": Collection("notes", tmp_path / "docs", ("**/*.md",))}

    naming = Naming(Documents(["deep/plan.md", "plan.md", "other/plan.md"]), collections=here)
    assert (await naming.find("plan.md"))[1].path == "deep/plan.md"
    assert (await naming.find("../plan.md"))[1].path == "plan.md"
    assert (await naming.find("../other/plan.md:3"))[1].path == "other/plan.md"


async def test_several_documents_may_be_named_with_their_lines_and_headings() -> None:
    naming = Naming(Vault([*VAULT]), collections=collections)
    chosen, skipped = await naming.select(["[[Storm plan#Evac]]", "Gale drill", "notes/plan.md:3:2", "notes/plan.md"])
    assert [(each.section, each.from_line, document.path) for each, document in chosen] == [
        ("Evac", None, "Projects/Storm plan.md"),
        (None, None, "Projects/Storm plan.md"),
        (None, 3, "plan.md"),
        (None, None, "plan.md"),
    ]
    assert not skipped
