"""Files of an index that are truncated, overwritten or deleted."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.application.repairing import repair
from qmd_mcp.cli import run
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.errors import QmdError
from qmd_mcp.index_errors import DamagedIndexError
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.generation import serving
from qmd_mcp.store.health.examination import Condition, examine
from qmd_mcp.store.lance.database import Database

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
    found = (
        await engine.searching.search(SearchRequest("zeppelins word7")),
        await engine.searching.search(SearchRequest("zeppelins tag:t1 after:2001-01-01")),
        await engine.searching.vsearch(SearchRequest("flying machines")),
        await engine.searching.query(QueryRequest("zeppelins of word3")),
    )
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
        gc.collect()  # an engine that is closed lies in cycles, with its models
        index = whole.copy(tmp_path / "index")
        damage(index / file)
        try:
            await use(index)
            if await mended(index) != whole.answers:
                failures.append(f"{file}: other answers after repair")
        except Exception as error:  # noqa: BLE001  every file is tried before the test fails
            failures.append(f"{file}: {type(error).__name__}: {error}")
    assert not failures, "\n".join(failures)


def index_file(index: Path, column: str, name: str) -> Path:
    """A file of the index of a column of the passages."""

    async def folder() -> str:
        database = await Database.open(str(index))
        generation = await serving(database)
        assert generation is not None
        table = await database.connection.open_table(f"passages_{generation.fingerprint}")
        (uuid,) = (each.index_uuid for each in await table.list_indices() if each.columns == [column])
        database.close()
        return f"passages_{generation.fingerprint}.lance/_indices/{uuid}"

    return index / anyio.run(folder) / name


def commands(index: Path, capsys: pytest.CaptureFixture[str], *each: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run(["--index", str(index), *each])
    said = capsys.readouterr()
    return code, said.out, said.err


async def write_twice(index: Path, *, passages: int) -> None:
    """What two writers did that did not see each other."""
    database = await Database.open(str(index))
    generation = await serving(database)
    assert generation is not None
    table = await database.connection.open_table(f"passages_{generation.fingerprint}")
    await table.add(await table.query().limit(passages).to_arrow())
    database.close()


def test_a_damaged_index_and_doubled_passages_are_known_to_doctor_and_mended_by_repair(
    whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = whole.copy(tmp_path / "index")
    anyio.run(lambda: write_twice(index, passages=5))
    truncated(index_file(index, "titles", "part_0_tokens.lance"))
    code, out, err = commands(index, capsys, "search", "zeppelins word7")
    assert (code, err) == (0, "")
    assert "page7.md" in out
    assert "The index of titles cannot be read: what only it would find is missing here. Run qmd-mcp repair." in out
    code, out, _ = commands(index, capsys, "doctor")
    assert code == 1
    assert "PROBLEM     index: The index of titles in the table passages_" in out
    assert "PROBLEM     index: 5 passages are in the index twice. Mend it: qmd-mcp repair" in out
    code, out, _ = commands(index, capsys, "repair")
    assert code == 0
    assert "Found: The index of titles in the table passages_" in out
    assert "5 passages were in the index twice: the second ones are deleted." in out
    assert anyio.run(lambda: examine(str(index), writing=False)) == Condition()
    code, out, _ = commands(index, capsys, "search", "zeppelins word7")
    assert "cannot be read" not in out


def test_filters_go_on_without_their_indexes(whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = whole.copy(tmp_path / "index")
    query = ("search", "zeppelins tag:t1 after:2020-01-05")
    before = commands(index, capsys, *query)[1]
    zeroed(index_file(index, "date_ns", "page_data.lance"))
    deleted(index_file(index, "tag_paths", "bitmap_page_lookup.lance"))
    code, out, _ = commands(index, capsys, *query)
    assert code == 0
    for hit in [line for line in before.splitlines() if "page" in line]:
        assert hit in out
    assert "The index of tag_paths cannot be read: nothing is missing here, but it takes longer." in out


@pytest.mark.attack
@pytest.mark.parametrize(
    ("table", "damage", "said"),
    [
        ("collections", deleted, "The table collections was damaged and has been taken from its copy."),
        ("metadata", zeroed, "The table metadata was damaged and has been made anew."),
        ("documents", flipped, "The table documents was damaged; lost: what was known of files, which are read again."),
        ("passages", truncated, "was damaged; lost: passages, which are embedded again."),
        ("states", deleted, "was damaged; lost: token states, which are computed again."),
    ],
)
async def test_a_damaged_table_is_made_again_and_nothing_else_is_lost(
    whole: Whole, tmp_path: Path, table: str, damage: Callable[[Path], None], said: str
) -> None:
    index = whole.copy(tmp_path / "index")
    for file in [*index.glob(f"{table}*.lance/data/*")]:
        if "_copy" not in str(file):
            damage(file)
    with pytest.raises(DamagedIndexError, match="Mend it: qmd-mcp repair"):
        async with open_engine(SETTINGS, IndexLocation(str(index))) as engine:
            await engine.writing.update()
            await engine.writing.embed()
    done = (await repair(SETTINGS, IndexLocation(str(index)))).done
    assert any(sentence.endswith(said) for sentence in done), done
    async with open_engine(SETTINGS, IndexLocation(str(index))) as engine:
        assert await answers(engine) == whole.answers
