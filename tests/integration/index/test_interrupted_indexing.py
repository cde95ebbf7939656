"""Indexing that is killed, and two writers at once."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import anyio
import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.application.repairing import repair
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.errors import QmdError
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.health.examination import examine
from tests import tiny_embedder

FILES = 1_300
"""More than one window of passages, so that commits, replacements and the sweep are all met half-way."""

FEWER = 160
"""Pages of the index that is killed over every command, each of which then takes about a second."""

SETTINGS = Settings()
Said = tuple[str, str]
"""What a process that writes tells: `started`, `done`, or the class of an error and its text."""

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["qmd_mcp.application.repairing"])


def write_corpus(folder: Path, *, edition: int, files: int = FILES) -> None:
    """Small pages; each edition changes a fifth, removes a twentieth and adds as many."""
    folder.mkdir(exist_ok=True)
    for number in range(files):
        path = folder / f"page{number:04}.md"
        if number % 20 == edition % 20:
            path.unlink(missing_ok=True)
            continue
        told = edition if number % 5 == edition % 5 else 0
        text = f"# Page {number}\n\nword{number} edition{told}\n"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


async def name_of_pages(engine: Engine) -> str:
    """The name that the first collection has now; the first of both if a rename died in between."""
    return min({"pages", "papers"} & set(await engine.collections()))


async def rename(engine: Engine) -> None:
    name = await name_of_pages(engine)
    await engine.writing.rename_collection(name, "papers" if name == "pages" else "pages")


async def remove(engine: Engine) -> None:
    """Remove the second collection, or add it again."""
    known = await engine.collections()
    if "others" in known:
        await engine.writing.remove_collection("others")
    else:
        others = (await engine.collections())[await name_of_pages(engine)].root.with_name("others")
        await engine.writing.add_collection(Collection("others", others, ("**/*.md",)))


async def update(engine: Engine) -> None:
    await engine.writing.update(embed=False)


async def embed(engine: Engine) -> None:
    await engine.writing.embed()


COMMANDS = {"update": update, "embed": embed, "rename": rename, "remove": remove}


async def command(name: str, uri: str, *, embedder: str) -> None:
    location = IndexLocation(uri)
    if name == "repair":
        await repair(SETTINGS, location)
    elif name == "update --embedder":
        async with open_engine(SETTINGS, location) as engine:
            other = embedder if (await engine.status()).embedder != "tiny" else "mini"
        async with open_engine(Settings(embedder=other), location, rebuild=True) as engine:
            await engine.writing.rebuild()
    else:
        async with open_engine(SETTINGS, location) as engine:
            await COMMANDS[name](engine)


def write(name: str, uri: str, embedder: str, ready: Connection) -> None:
    """Run one command in a process of its own, and tell how it ended."""
    ready.send(("started", ""))
    try:
        anyio.run(lambda: command(name, uri, embedder=embedder))
        ready.send(("done", ""))
    except Exception as error:  # noqa: BLE001  what it is, is what the test looks at
        ready.send(("sentence" if isinstance(error, QmdError) else "trace", f"{type(error).__name__}: {error}"))


async def contents(uri: str) -> Counter[tuple[str, int, str]]:
    """Every visible passage by path, ordinal and text; invisible ones count too, so that none is left."""
    async with open_engine(SETTINGS, IndexLocation(uri)) as engine:
        return Counter((each.path, each.ordinal, each.text) for each in await engine.passages())


async def register(uri: str, folder: Path) -> None:
    async with open_engine(SETTINGS, IndexLocation(uri), create=True) as engine:
        await engine.writing.add_collection(Collection("pages", folder, ("**/*.md",)))


async def readable(uri: str) -> str:
    """Look at an index as a command does that reads: the name of its first collection, and whether search answers."""
    async with open_engine(SETTINGS, IndexLocation(uri)) as engine:
        names = set(await engine.collections())
        assert {"pages", "papers"} & names, names
        answer = await engine.searching.search(SearchRequest("word8"))
        assert answer.hits, "a document was lost"  # only pages with odd numbers are ever removed
    return ", ".join(names)


async def check_whole(uri: str, folder: Path, others: Path) -> None:
    """After an update the index has every page once, with its vector, and nothing else."""
    async with open_engine(SETTINGS, IndexLocation(uri)) as engine:
        await engine.writing.update()
        await engine.writing.embed()
        status = await engine.status()
        assert status.embedded == status.passages == status.documents
        known = await engine.collections()
        (kept,) = {"pages", "papers"} & set(known)
        assert [context.text for context in known[kept].contexts] == ["Pages of a test"]
    roots = [folder, *([others] if "others" in known else [])]
    expected = Counter((path.name, 0, path.read_text().strip()) for root in roots for path in root.iterdir())
    found = await contents(uri)
    assert Counter({(path, ordinal, text.strip()): n for (path, ordinal, text), n in found.items()}) == expected
    condition = await examine(uri, writing=False)
    assert (condition.problems, condition.notes) == ((), ())


def ended_within(seconds: float, receive: Connection) -> tuple[str, str]:
    """How a command ended and what it said; it is to be killed if it has not ended by then."""
    return receive.recv() if receive.poll(seconds) else ("killed", "")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "kills", [pytest.param(40, marks=pytest.mark.endurance), pytest.param(200, marks=pytest.mark.attack)]
)
async def test_an_index_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path, kills: int) -> None:
    folder, others, uri = tmp_path / "pages", tmp_path / "others", str(tmp_path / "index")
    embedder = str(tiny_embedder.write_model(tmp_path / "tiny", query_prompt="query {text}"))
    chance = random.Random(20)  # noqa: S311  reproducible moments, no secret
    write_corpus(folder, edition=0, files=FEWER)
    write_corpus(others, edition=3, files=FEWER // 4)
    await register(uri, folder)
    async with open_engine(SETTINGS, IndexLocation(uri)) as engine:
        await engine.writing.set_context("pages", "", "Pages of a test")
        await engine.writing.update()
    commands = (*COMMANDS, "update --embedder", "repair")
    ended: Counter[str] = Counter()
    took: dict[str, float] = {}
    """Seconds that each command took when it was not killed."""
    problems: list[str] = []
    for kill in range(kills):
        if kill % 6 == 5:
            write_corpus(folder, edition=kill, files=FEWER)
        name = commands[kill % len(commands)]
        receive, send = processes.Pipe(duplex=False)
        writer = processes.Process(target=write, args=(name, uri, embedder, send))
        writer.start()
        send.close()
        assert receive.recv() == ("started", "")
        began = time.monotonic()
        how, said = ended_within(chance.uniform(0.0, 1.5 * took.get(name, 2.0)), receive)
        if how != "killed":
            took[name] = time.monotonic() - began
        problems += [f"{kill} {name}: {said}"] if how in ("trace", "sentence") else []
        writer.kill()
        writer.join()
        ended[f"{name} {how}"] += 1
        try:
            await readable(uri)
        except (Exception, AssertionError) as error:  # noqa: BLE001  every kill is tried before the test fails
            problems.append(f"{kill} after {name} {how}: {type(error).__name__}: {error}")
    print(*sorted(ended.items()), *problems, sep="\n")  # noqa: T201  the counts are what a run is for
    await check_whole(uri, folder, others)
    assert not problems
    assert sum(count for how, count in ended.items() if how.endswith("killed")) > kills // 4


@pytest.mark.anyio
async def test_two_writers_at_once_take_turns_and_double_nothing(tmp_path: Path) -> None:
    folder, uri = tmp_path / "pages", str(tmp_path / "index")
    write_corpus(folder, edition=0)
    await register(uri, folder)

    async def write(engine: Engine) -> None:
        await engine.writing.update(embed=False)

    async with (
        open_engine(SETTINGS, IndexLocation(uri)) as first,
        open_engine(SETTINGS, IndexLocation(uri)) as second,
        anyio.create_task_group() as both,
    ):
        both.start_soon(write, first)
        both.start_soon(write, second)
    found = await contents(uri)
    assert set(found.values()) == {1}
    assert len(found) == len(list(folder.iterdir()))
