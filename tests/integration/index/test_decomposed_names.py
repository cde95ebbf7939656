"""Names that a file system holds in another Unicode form than the one in which paths are compared (NFC)."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.domain.answers import Excerpt, Excerpts
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.settings import IndexLocation, Settings

pytestmark = pytest.mark.anyio

FORMS = ("NFC", "NFD")


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def furnished(folder: Path) -> Path:
    """A folder with a decomposed name, in it a decomposed folder with a composed file, and the other way round."""
    office = folder / nfd("Büro")
    write(office / nfd("Möbel") / "stühle.md", "# Chairs\n\nTwelve chairs of oak.\n")
    write(office / "räume" / nfd("küche.md"), "# Kitchen\n\nA kettle stands there.\n")
    return office


@pytest.fixture
def office(tmp_path: Path) -> Path:
    return furnished(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `indexed`."""
    return furnished(tmp_path_factory.mktemp("shared"))


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with open_engine(Settings(), IndexLocation(str(tmp_path / "index")), create=True) as engine:
        yield engine


async def index(engine: Engine, office: Path) -> None:
    await engine.writing.add_collection(Collection("Büro", office, ("**/*.md",)))
    await engine.writing.update(embed=False)


@pytest.fixture(scope="module")
async def indexed(shared: Path) -> AsyncIterator[Engine]:
    """Tests ask it and write nothing."""
    async with open_engine(Settings(), IndexLocation(str(shared.parent / "index")), create=True) as engine:
        await index(engine, shared)
        yield engine


async def read(engine: Engine, reference: str) -> Excerpt:
    return await engine.reading.get(reference, from_line=None, max_lines=None, line_numbers=False)


async def read_many(engine: Engine, *patterns: str) -> Excerpts:
    return await engine.reading.get_many(patterns, max_lines=None, max_bytes=65_536, line_numbers=False)


@pytest.mark.parametrize("form", FORMS)
async def test_a_folder_is_added_and_indexed_under_either_form_of_its_name(
    engine: Engine, office: Path, form: str
) -> None:
    name = unicodedata.normalize(form, "Büro")
    await engine.writing.add_collection(Collection(name, office.with_name(name), ("**/*.md",)))
    summary = await engine.writing.update(collections=[name])
    assert (summary.added, summary.problems) == (2, ())
    assert await engine.reading.keys() == ("Büro/Möbel/stühle.md", "Büro/räume/küche.md")


async def test_a_file_in_a_folder_of_the_other_form_is_read_and_current(indexed: Engine) -> None:
    for word, path in (("oak", "Möbel/stühle.md"), ("kettle", "räume/küche.md")):
        (hit,) = (await indexed.searching.search(SearchRequest(word))).hits
        assert (hit.path, hit.freshness) == (path, "current")


@pytest.mark.parametrize("form", FORMS)
async def test_a_search_is_narrowed_to_a_collection_and_a_path(indexed: Engine, form: str) -> None:
    query, name = (unicodedata.normalize(form, text) for text in ("oak path:Möbel", "Büro"))
    (hit,) = (await indexed.searching.search(SearchRequest(query, collections=(name,)))).hits
    assert hit.path == "Möbel/stühle.md"


@pytest.mark.parametrize("form", FORMS)
async def test_a_description_covers_what_lies_below_its_path(engine: Engine, office: Path, form: str) -> None:
    await index(engine, office)
    name, prefix = unicodedata.normalize(form, "Büro"), unicodedata.normalize(form, "Möbel")
    await engine.writing.set_context(name, prefix, "Furniture")
    (hit,) = (await engine.searching.search(SearchRequest("oak"))).hits
    assert hit.context == "Furniture"
    await engine.writing.set_context(name, unicodedata.normalize("NFC", prefix), None)
    assert (await engine.collections())["Büro"].contexts == ()


@pytest.mark.parametrize("form", FORMS)
async def test_a_document_is_found_by_every_kind_of_reference(indexed: Engine, shared: Path, form: str) -> None:
    key = unicodedata.normalize(form, "Büro/Möbel/stühle.md")
    typed = shared.parent / key
    for reference in (key, f"{key}:1:2", f"qmd://{key}", f"qmd://{quote(key)}", str(typed)):
        assert (await read(indexed, reference)).path == "Möbel/stühle.md"


@pytest.mark.parametrize("form", FORMS)
async def test_a_document_is_found_by_a_path_through_a_link(
    indexed: Engine, shared: Path, tmp_path: Path, form: str
) -> None:
    link = tmp_path / nfd("schöner link")
    link.symlink_to(shared)
    reference = link.with_name(unicodedata.normalize(form, link.name)) / "räume" / "küche.md"
    assert (await read(indexed, str(reference))).path == "räume/küche.md"


@pytest.mark.parametrize("form", FORMS)
async def test_documents_are_found_by_globs(indexed: Engine, form: str) -> None:
    glob = unicodedata.normalize(form, "Büro/Mö*/*ü*.md")
    for pattern in (glob, f"qmd://{glob}", f"qmd://{quote(glob, safe='/*')}"):
        assert [each.path for each in (await read_many(indexed, pattern)).documents] == ["Möbel/stühle.md"]


@pytest.mark.parametrize("form", FORMS)
async def test_a_collection_is_renamed_and_removed_under_either_form(engine: Engine, office: Path, form: str) -> None:
    await index(engine, office)
    await engine.writing.rename_collection(unicodedata.normalize(form, "Büro"), nfd("Ämter"))
    assert list(await engine.collections()) == ["Ämter"]
    assert await engine.writing.remove_collection(unicodedata.normalize(form, "Ämter")) == 2
    assert dict(await engine.collections()) == {}
