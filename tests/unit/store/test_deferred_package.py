"""Packages whose `__init__` runs only when something of it is used."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from threading import Thread

import pytest

from qmd_mcp.store.lance.deferred_package import defer_package


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    """A package that notes each run of its own code, with a submodule that is independent of it."""
    name = "large_package_of_the_tests"
    folder = tmp_path / name
    folder.mkdir()
    runs = tmp_path / "runs"
    (folder / "__init__.py").write_text(
        f"with open({str(runs)!r}, 'a') as file:\n    file.write('x')\n"
        f"from {name}.small import VALUE\nOTHER = 'another'\n"
    )
    (folder / "small.py").write_text("VALUE = 'small'\n")
    (tmp_path / "single_module_of_the_tests.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    for module in [each for each in sys.modules if each.endswith("_of_the_tests") or each.startswith(name)]:
        del sys.modules[module]


def _runs(package: str) -> int:
    path = Path(str(importlib.import_module(package).__spec__.origin)).parents[1] / "runs"
    return len(path.read_text()) if path.exists() else 0


def test_a_submodule_does_not_run_the_package_and_its_first_name_does_once(package: str) -> None:
    assert defer_package(package)
    small = importlib.import_module(f"{package}.small")
    assert (small.VALUE, _runs(package)) == ("small", 0)
    whole = importlib.import_module(package)
    assert (whole.VALUE, whole.OTHER, whole.small) == ("small", "another", small)
    assert _runs(package) == 1
    with pytest.raises(AttributeError):
        _ = whole.nothing
    assert _runs(package) == 1


def test_many_threads_run_it_once(package: str) -> None:
    assert defer_package(package)
    whole = importlib.import_module(package)
    found: list[str] = []
    threads = [Thread(target=lambda: found.append(whole.OTHER)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, _runs(package)) == (["another"] * 8, 1)


@pytest.mark.parametrize("other", ["no_such_package_anywhere", "single_module_of_the_tests", "json"])
def test_what_is_absent_no_package_or_there_already_is_left_alone(package: str, other: str) -> None:
    before = sys.modules.get(other)
    assert not defer_package(other)
    assert sys.modules.get(other) is before


def test_an_index_is_opened_and_searched_without_the_client_of_a_remote_service(tmp_path: Path) -> None:
    """And whoever wants the client gets it as it is."""
    script = f"""
import sys, anyio
from qmd_mcp.application.engine import open_engine
from qmd_mcp.index_errors import EmptyIndexError
from qmd_mcp.domain.requests import SearchRequest
from qmd_mcp.settings import IndexLocation, Settings

async def main():
    async with open_engine(Settings(), IndexLocation({str(tmp_path / "index")!r}), create=True) as engine:
        await engine.status()
        try:
            await engine.searching.search(SearchRequest("pool"))
        except EmptyIndexError:
            print("searched")

anyio.run(main)
print("lance_namespace_urllib3_client.api" in sys.modules)
import lance_namespace_urllib3_client
print(lance_namespace_urllib3_client.TableApi.__name__)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["searched", "False", "TableApi"]
