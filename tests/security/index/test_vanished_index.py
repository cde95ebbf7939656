"""An index whose folder is deleted, made again or cannot be written while it is used."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.cli import run
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.errors import QmdError
from qmd_mcp.index_errors import StoreError
from qmd_mcp.server.process.engine_host import EngineHost
from qmd_mcp.settings import IndexLocation, Settings

pytestmark = pytest.mark.anyio

SETTINGS = Settings()


async def make(location: IndexLocation, folder: Path, *, word: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "page.md").write_text(f"# Page\n\nIt speaks of {word}.\n")
    async with open_engine(SETTINGS, location, create=True) as engine:
        await engine.writing.add_collection(Collection("notes", folder, ("**/*.md",)))
        await engine.writing.update(embed=False)


async def found(host: EngineHost, word: str) -> list[str]:
    """What a served index finds; it is asked again as long as a sentence says that it cannot be asked now."""
    with anyio.fail_after(60):
        while True:
            await anyio.lowlevel.checkpoint()
            try:
                engine = await host.engine()
                return [hit.path for hit in (await engine.searching.search(SearchRequest(word))).hits]
            except QmdError:
                continue


async def test_a_served_index_that_is_deleted_is_said_to_be_gone_and_served_once_it_is_made_again(
    tmp_path: Path, tasks: TaskGroup
) -> None:
    location = IndexLocation(str(tmp_path / "index"))
    await make(location, tmp_path / "notes", word="zeppelins")

    async def opener() -> AbstractAsyncContextManager[Engine]:
        return open_engine(SETTINGS, location)

    async def superseded(engine: Engine) -> None:
        await engine.superseded()

    host = EngineHost(opener, while_open=superseded, retry_seconds=0.1, leaving_seconds=0.1)  # type: ignore[arg-type]  # the engine has more than its protocol
    tasks.start_soon(lambda: host.run(unasked_after=0))
    assert await found(host, "zeppelins") == ["page.md"]
    shutil.rmtree(location.uri)
    engine = await host.engine()
    with pytest.raises(StoreError, match=r"is gone: its folder has been deleted\. Make it again"):
        await engine.searching.search(SearchRequest("zeppelins"))
    with pytest.raises(StoreError, match="is gone"):
        await engine.writing.update()
    assert not Path(location.uri).exists()
    await make(location, tmp_path / "notes", word="submarines")
    assert await found(host, "submarines") == ["page.md"]


def link(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
@pytest.mark.parametrize("obstacle", [link, Path.mkdir])
async def test_a_lock_that_is_a_link_or_a_folder_is_one_sentence_and_nothing_is_written_through_it(
    tmp_path: Path, obstacle: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    index = tmp_path / "index"
    async with open_engine(SETTINGS, IndexLocation(str(index)), create=True):
        pass
    (index / "writer.lock").unlink(missing_ok=True)
    obstacle(index / "writer.lock")
    assert await anyio.to_thread.run_sync(run, ["--index", str(index), "update"]) == 1
    err = capsys.readouterr().err
    obstacles = ("is not used: ", "cannot be written: ")
    assert err.startswith(tuple(f"qmd-mcp: The index {index} {each}" for each in obstacles))
    assert err.count("\n") == 1
    assert not (index / "elsewhere").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX has this limit")
def test_a_limit_on_the_size_of_files_is_one_sentence_and_what_was_indexed_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import resource

    notes, index = tmp_path / "notes", str(tmp_path / "index")
    notes.mkdir()
    (notes / "first.md").write_text("# First\n\nIt speaks of zeppelins.\n")
    assert run(["--index", index, "collection", "add", str(notes), "--no-embed"]) == 0
    for number in range(200):
        (notes / f"page{number}.md").write_text(f"# Page {number}\n\n" + f"Word{number} of many.\n" * 40)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32_768, limits[1]))
    try:
        code = run(["--index", index, "update", "--no-embed"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    err = capsys.readouterr().err.splitlines()
    assert code == 1
    assert "a file would become larger than this process may write. Allow more (ulimit -f)" in err[-1]
    assert not any("Traceback" in line for line in err)
    assert run(["--index", index, "search", "zeppelins"]) == 0
    assert "first.md" in capsys.readouterr().out
    assert run(["--index", index, "update", "--no-embed"]) == 0
    assert "200 added" in capsys.readouterr().out
