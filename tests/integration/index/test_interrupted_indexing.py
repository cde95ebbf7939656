"""Indexing that is killed, and two writers at once."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import anyio
import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.domain.documents import Collection
from qmd_mcp.settings import IndexLocation, Settings

KILLS = 60
FILES = 1_300
"""More than one window of passages, so that commits, replacements and the sweep are all met half-way."""

SETTINGS = Settings()

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["qmd_mcp.application.engine"])


def write_corpus(folder: Path, *, edition: int) -> None:
    """Small pages; each edition changes a fifth, removes a twentieth and adds as many."""
    folder.mkdir(exist_ok=True)
    for number in range(FILES):
        path = folder / f"page{number:04}.md"
        if number % 20 == edition % 20:
            path.unlink(missing_ok=True)
            continue
        told = edition if number % 5 == edition % 5 else 0
        text = f"# Page {number}\n\nword{number} edition{told}\n"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def index(uri: str, ready: Connection) -> None:
    """Bring the index up to date in a process of its own."""

    async def run() -> None:
        async with open_engine(SETTINGS, IndexLocation(uri), create=True) as engine:
            ready.send("started")
            await engine.writing.update(embed=False)
            await engine.writing.embed()

    anyio.run(run)
    ready.send("done")


async def contents(uri: str) -> Counter[tuple[str, int, str]]:
    """Every visible passage by path, ordinal and text; invisible ones count too, so that none is left."""
    async with open_engine(SETTINGS, IndexLocation(uri)) as engine:
        return Counter((each.path, each.ordinal, each.text) for each in await engine.passages())


async def register(uri: str, folder: Path) -> None:
    async with open_engine(SETTINGS, IndexLocation(uri), create=True) as engine:
        await engine.writing.add_collection(Collection("pages", folder, ("**/*.md",)))


@pytest.mark.anyio
@pytest.mark.endurance
async def test_an_index_that_is_killed_sixty_times_ends_up_as_the_folder(tmp_path: Path) -> None:
    folder, uri = tmp_path / "pages", str(tmp_path / "index")
    moments = random.Random(20)  # noqa: S311  reproducible moments, no secret
    write_corpus(folder, edition=0)
    await register(uri, folder)
    finished = 0
    for kill in range(KILLS):
        if kill % 6 == 5:
            write_corpus(folder, edition=kill)
        receive, send = processes.Pipe(duplex=False)
        writer = processes.Process(target=index, args=(uri, send))
        writer.start()
        send.close()
        assert receive.recv() == "started"
        died_at = moments.expovariate(1 / 0.4)  # seconds; a run takes about one
        if receive.poll(died_at) and receive.recv() == "done":
            finished += 1
        writer.kill()
        writer.join()
    async with open_engine(SETTINGS, IndexLocation(uri)) as engine:
        await engine.writing.update()
        await engine.writing.embed()
        status = await engine.status()
        assert status.embedded == status.passages == status.documents
    expected = Counter((path.name, 0, path.read_text().strip()) for path in folder.iterdir())
    assert {(path, ordinal, text.strip()): n for (path, ordinal, text), n in (await contents(uri)).items()} == expected
    assert finished < KILLS, "no run was killed: the test proves nothing"


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
