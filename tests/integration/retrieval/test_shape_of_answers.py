"""What one answer looks like over a real index: copies, quoted phrases, headings, and rows of long tables."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.domain.answers import Answer, Hit
from qmd_mcp.domain.documents import Collection, Mode
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.settings import IndexLocation, Settings

pytestmark = pytest.mark.anyio

MODES: tuple[Mode, ...] = ("search", "vsearch", "query")
PIER = "# Timetable\n\nThe ferry leaves from the north pier at nine, and in winter at ten.\n"
OWNERS = ("Alba", "Bruno", "Chidi", "Dana", "Edit")
NODES = [f"| node-{row:03} | {OWNERS[row * 3 % 5]} | rack {row % 9} | tape-{row * 3} |" for row in range(120)]
CODES = [
    f"| E{4000 + 7 * row} | The {what} was late | Call the {OWNERS[row % 5]} team | {row % 3} |"
    for row, what in enumerate(["ledger", "cache", "broker", "shard", "journal", "socket"] * 20)
]
INVENTORY = "\n".join(["# Inventory", "", "| node | owner | place | backup target |", "|---|---|---|---|", *NODES])
ERRORS = "\n".join(["# Errors", "", "| code | meaning | action | severity |", "|---|---|---|---|", *CODES])
TABLES = {
    "inventory.md": INVENTORY,
    "errors.md": ERRORS,
    "backup.md": "# Backup\n\nThe owner of a node chooses its backup target. An error has a code and a meaning.\n",
}
ROWS = [
    *((f"who is the owner of node-{row:03}", NODES[row], "| node | owner |") for row in range(7, 120, 11)),
    *((f"meaning of error code E{4000 + 7 * row}", CODES[row], "| code | meaning |") for row in range(3, 120, 13)),
]


@asynccontextmanager
async def indexed(folder: Path, files: Mapping[str, str], **roots: str) -> AsyncGenerator[Engine]:
    """An engine over these files; `roots` are collections with their folders."""
    for name, text in files.items():
        (folder / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "d" / name).write_text(text)
    settings = Settings(refresh_seconds=3600)
    async with open_engine(settings, IndexLocation(str(folder / "index")), create=True) as engine:
        for name, root in (roots or {"d": ""}).items():
            await engine.writing.add_collection(Collection(name, folder / "d" / root, ("**/*.md",)))
        await engine.writing.update()
        yield engine


async def ask(engine: Engine, mode: Mode, query: str, *, limit: int = 10, max_tokens: int | None = None) -> Answer:
    if mode == "query":
        return await engine.searching.query(QueryRequest(query, limit=limit, max_tokens=max_tokens))
    return await getattr(engine.searching, mode)(SearchRequest(query, limit=limit))


def places(hits: tuple[Hit, ...]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(hit.collection, hit.path, hit.also) for hit in hits]


async def test_copies_are_one_hit_in_every_search_with_the_others_named(tmp_path: Path) -> None:
    names = ["ferry (1).md", "ferry.sync-conflict-20260101-120000-ABCDEFG.md", "old/ferry copy.md", "ferry.md"]
    async with indexed(tmp_path, dict.fromkeys(names, PIER)) as engine:
        for mode in MODES:
            (hit,) = (await ask(engine, mode, "when does the ferry leave the pier")).hits
            assert hit.path == "ferry.md"
            assert sorted(hit.also) == sorted(f"d/{name}:1-3" for name in names[:3])


async def test_a_file_in_two_nested_collections_is_one_hit(tmp_path: Path) -> None:
    files = {"yard/ferry.md": PIER, "yard/deep/other.md": "# Other\n\nNothing about boats.\n"}
    async with indexed(tmp_path, files, outer="", inner="yard") as engine:
        for mode in MODES:
            hits = places((await ask(engine, mode, "ferry north pier")).hits)
            assert hits[0] == ("inner", "ferry.md", ("outer/yard/ferry.md:1-3",))
            assert len(hits) == (1 if mode == "search" else 2)
        (hit,) = (await engine.searching.search(SearchRequest("ferry", collections=("outer",)))).hits
        assert (hit.path, hit.also) == ("yard/ferry.md", ())


@pytest.mark.parametrize("mode", ["search", "vsearch"])
async def test_as_many_hits_as_asked_for_come_behind_many_copies(tmp_path: Path, mode: Mode) -> None:
    pages = {f"{each:02}.md": f"# Pier {each}\n\nPier {each} has {each * 13} bollards.\n" for each in range(9)}
    copies = {f"backup {copy}/{name}": text for copy in range(12) for name, text in pages.items()}
    async with indexed(tmp_path, {**pages, **copies}) as engine:
        for query in ("pier bollards", "backup of pier bollards"):
            answer = await ask(engine, mode, query, limit=5)
            assert {hit.path for hit in answer.hits} <= set(pages)
            assert [len(hit.also) for hit in answer.hits] == [12] * 5


async def test_a_copy_is_shown_where_only_it_has_what_is_asked_for(tmp_path: Path) -> None:
    files = {"ferry.md": PIER, "ferry (1).md": PIER + "\nIn May it leaves from the quarantine quay.\n"}
    async with indexed(tmp_path, files) as engine:
        for mode in ("search", "query"):
            assert (await ask(engine, mode, "quarantine quay")).hits[0].path == "ferry (1).md"
            (hit,) = (await ask(engine, mode, "ferry pier")).hits
            assert (hit.path, hit.also) == ("ferry.md", ("d/ferry (1).md:1-5",))


@pytest.mark.parametrize("mode", ["search", "query"])
async def test_passages_that_have_the_phrase_literally_come_first(tmp_path: Path, mode: Mode) -> None:
    stems = {f"{n}.md": f"# Antique cars {n}\n\nAntique cars, antique cars and {n} antique cars.\n" for n in range(30)}
    exact = "# Garage\n\nBehind the house near the river the antique\ncar is parked, as it has been since the spring.\n"
    linked = "# Lease\n\nSign the [antique](https://example.org/a) **car** lease before you drive off.\n"
    async with indexed(tmp_path, {**stems, "exact.md": exact, "linked.md": linked}) as engine:
        answer = await ask(engine, mode, '"antique car"')
        assert {hit.path for hit in answer.hits[:2]} == {"exact.md", "linked.md"}
        assert len(answer.hits) == 10
        assert not any("No passage" in note for note in answer.notes)
        assert (await ask(engine, mode, '"car lease before"')).hits[0].path == "linked.md"


async def test_a_hit_names_the_heading_above_its_matching_line(tmp_path: Path) -> None:
    text = "# Doc\n\n## One\n\ntrombones\n\n## Two\n\nocarinas\n\n### Deep\n\nlutes\n\n## Three\n\nzithers\n"
    async with indexed(tmp_path, {"a.md": text}) as engine:
        for word, heading in [
            ("trombones", ("Doc", "One")),
            ("ocarinas", ("Doc", "Two")),
            ("lutes", ("Doc", "Two", "Deep")),
            ("zithers", ("Doc", "Three")),
        ]:
            for mode in ("search", "query"):
                (hit,) = (await ask(engine, mode, word)).hits
                assert (hit.heading, hit.start_line, hit.end_line) == (heading, 1, 17)


async def test_a_part_has_the_heading_of_what_of_it_is_shown(tmp_path: Path) -> None:
    sections = [f"## Part {n}\n\n" + f"Sentence {n} about ships and their crews. " * 4 for n in range(8)]
    sections[6] += "The ocarina is kept here.\n"
    async with indexed(tmp_path, {"a.md": "# Doc\n\n" + "\n\n".join(sections)}) as engine:
        (hit,) = (await ask(engine, "query", "ocarina", limit=1, max_tokens=130)).hits
        assert "ocarina" in hit.snippet
        assert hit.heading == ("Doc", "Part 6")


async def test_the_row_that_was_asked_for_is_in_the_first_hit_below_its_header(tmp_path: Path) -> None:
    async with indexed(tmp_path, TABLES) as engine:
        for question, row, header in ROWS:
            for mode, budget in (("search", None), ("query", None), ("query", 300)):
                first = (await ask(engine, mode, question, max_tokens=budget)).hits[0]
                assert row in first.snippet, (mode, budget, question)
                assert first.snippet.count(header) == 1, (mode, budget, question)


async def test_the_lines_of_a_part_of_a_table_are_those_of_its_rows(tmp_path: Path) -> None:
    async with indexed(tmp_path, TABLES) as engine:
        hit = (await ask(engine, "query", "owner of node-077", max_tokens=300)).hits[0]
        lines = INVENTORY.split("\n")[hit.start_line - 1 : hit.end_line]
        assert [line for line in hit.snippet.split("\n") if line.startswith("| node-")] == lines


async def test_going_on_from_a_row_shows_every_line_of_the_hit_once(tmp_path: Path) -> None:
    async with indexed(tmp_path, {"inventory.md": INVENTORY}) as engine:
        rows: list[str] = []
        cursor: str | None = None
        for _ in range(60):
            request = QueryRequest("owner of node-077", max_tokens=150, limit=1, cursor=cursor)
            answer = await engine.searching.query(request)
            rows += [line for hit in answer.hits for line in hit.snippet.split("\n") if line.startswith("| node-")]
            cursor = answer.cursor
            if cursor is None:
                break
        assert NODES[77] in rows[:8]
        assert len(rows) == len(set(rows))
        assert set(rows) <= set(NODES)
