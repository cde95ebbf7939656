"""Files of an index that are truncated, overwritten or deleted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.application.repairing import repair
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.errors import QmdError
from qmd_mcp.settings import IndexLocation, Settings

pytestmark = pytest.mark.anyio

SETTINGS = Settings()
PAGES = 12


def truncated(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def zeroed(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for position in range(0, len(content), 7):
        content[position] ^= 0x55
    file.write_bytes(content)


def deleted(file: Path) -> None:
    file.unlink()


DAMAGES: tuple[Callable[[Path], None], ...] = (truncated, zeroed, flipped, deleted)


@dataclass(frozen=True)
class Whole:
    """An index that is whole, and what it answers."""

    folder: Path
    answers: tuple[object, ...]

    def copy(self, to: Path) -> Path:
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.folder, to)
        return to


async def answers(engine: Engine) -> tuple[object, ...]:
    """What is found by words, by a tag, by meaning and by both, and what is read."""
    asked = (
        engine.searching.search(SearchRequest("zeppelins word7")),
        engine.searching.search(SearchRequest("zeppelins tag:t1 after:2001-01-01")),
        engine.searching.vsearch(SearchRequest("flying machines")),
        engine.searching.query(QueryRequest("zeppelins of word3")),
    )
    found = [await each for each in asked]
    hits = tuple(tuple((hit.path, round(hit.score, 4), hit.snippet) for hit in answer.hits) for answer in found)
    notes = tuple(answer.notes for answer in found)
    read = await engine.reading.get("notes/page5.md", from_line=None, max_lines=None, line_numbers=False)
    return (*hits, notes, read.text)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    base = tmp_path_factory.mktemp("whole")
    notes, index = base / "notes", base / "index"
    notes.mkdir()
    for number in range(PAGES):
        text = f"---\ntags: [t{number % 3}]\ndate: 2020-01-{number + 1:02}\n---\n# Page {number}\n\n"
        (notes / f"page{number}.md").write_text(f"{text}It speaks of zeppelins, word{number} and `foo_bar{number}`.\n")

    async def make() -> tuple[object, ...]:
        async with open_engine(SETTINGS, IndexLocation(str(index)), create=True) as engine:
            await engine.writing.add_collection(Collection("notes", notes, ("**/*.md",)))
            await engine.writing.update()
            return await answers(engine)

    return Whole(index, anyio.run(make))


async def use(index: Path) -> tuple[object, ...] | None:
    """Everything that is done with an index; None if a sentence says that something cannot be done."""
    location = IndexLocation(str(index))
    try:
        async with open_engine(SETTINGS, location) as engine:
            await engine.status()
            found = await answers(engine)
            await engine.writing.update()
    except QmdError:
        return None
    return found


async def mended(index: Path) -> tuple[object, ...]:
    await repair(SETTINGS, IndexLocation(str(index)))
    async with open_engine(SETTINGS, IndexLocation(str(index))) as engine:
        return await answers(engine)


@pytest.mark.attack
@pytest.mark.parametrize("damage", DAMAGES)
async def test_whatever_file_is_damaged_a_sentence_says_so_and_repair_mends_it(
    whole: Whole, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    failures: list[str] = []
    for file in sorted(each.relative_to(whole.folder) for each in whole.folder.rglob("*") if each.is_file()):
        index = whole.copy(tmp_path / "index")
        damage(index / file)
        try:
            await use(index)
            if await mended(index) != whole.answers:
                failures.append(f"{file}: other answers after repair")
        except Exception as error:  # noqa: BLE001  every file is tried before the test fails
            failures.append(f"{file}: {type(error).__name__}: {error}")
    assert not failures, "\n".join(failures)
