"""What the documentation says is so: commands run, options and links exist, tables are made from the code."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from filelock import FileLock
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import Tool

from docs.generate import pages as generated_pages
from qmd_mcp.cli import run
from qmd_mcp.server.process import run_file
from qmd_mcp.settings import locate_index, read_settings
from tests.e2e.documentation import (
    PAGES,
    ROOT,
    anchors,
    blocks,
    every_option,
    links,
    mentioned_commands,
    mentioned_options,
    prose,
    unknown_words,
)

PATIENCE = 120
"""Seconds after which a command of a page counts as hanging."""

PORT = "7337"
TOKEN = "$(qmd-mcp token show)"
"""What a shell would put in; the tests run no shell."""

each_page = pytest.mark.parametrize("page", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])
RUN = [page for page in PAGES if any(block.language == "sh" and block.not_run is None for block in blocks(page))]


@dataclass(frozen=True, slots=True)
class Home:
    """A person's home folder, with the sample folder as their notes."""

    folder: Path
    environment: dict[str, str]

    def copy(self, folder: Path, *, index: bool) -> Home:
        """The same home elsewhere with its index, or a few of its notes: indexing takes most of a page's time."""
        if index:
            shutil.copytree(self.folder, folder)
        else:
            shutil.copytree(self.folder / "notes" / "runbooks", folder / "notes" / "runbooks")
        shutil.copytree(folder / "notes" / "runbooks", folder / "docs")
        return Home(folder, _environment(folder))


def _environment(folder: Path) -> dict[str, str]:
    places = {f"XDG_{name}_HOME": str(folder / name.lower()) for name in ("DATA", "CONFIG", "CACHE", "STATE")}
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    windows = {"USERPROFILE": str(folder), "LOCALAPPDATA": str(folder / "local")}
    return {"HOME": str(folder), "QMD_PORT": "0", "PATH": programs, **places, **windows}


@pytest.fixture(scope="module")
def indexed_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home whose notes are indexed, once for all pages and for all workers of the suite."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "documented-home"
    with FileLock(shared / "documented-home.lock"):
        if not (shared / "documented-home.ready").exists():
            shutil.copytree(ROOT / "examples" / "notes", folder / "notes")
            with pytest.MonkeyPatch.context() as patch:
                for name, value in _environment(folder).items():
                    patch.setenv(name, value)
                assert run(["collection", "add", str(folder / "notes"), "--name", "notes"]) == 0
            (shared / "documented-home.ready").touch()
    return Home(folder, _environment(folder))


@pytest.fixture
def home(indexed_home: Home, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Home]:
    """A home for one page: with an index, unless the page makes it. A server that the page leaves behind is ended."""
    for name in [name for name in os.environ if name.startswith("QMD_")]:
        monkeypatch.delenv(name)
    made = indexed_home.copy(tmp_path / "home", index="collection add ~/notes " not in page.read_text(encoding="utf-8"))
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made.folder)
    yield made
    if run_file.read(locate_index(read_settings())) is not None:
        _program("stop")


@pytest.fixture(scope="module")
def tools() -> list[Tool]:
    """What `mcp.json.example` starts offers to a client."""
    configured = json.loads((ROOT / "mcp.json.example").read_text(encoding="utf-8"))["mcpServers"]["qmd-mcp"]
    server = StdioServerParameters(
        command=configured["command"],
        args=configured["args"],
        env={"PATH": str(Path(sys.executable).parent), "QMD_INDEX": "/nonexistent"},
    )

    async def offered() -> list[Tool]:
        with anyio.fail_after(PATIENCE):
            async with Client(stdio_client(server)) as client:
                return (await client.list_tools()).tools

    return anyio.run(offered)


def _program(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qmd_mcp", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.mark.parametrize("page", RUN, ids=[path.relative_to(ROOT).as_posix() for path in RUN])
def test_the_commands_of_a_page_run_in_their_order(page: Path, home: Home) -> None:
    """A page is one story. What starts or asks a server is a process of its own; everything else runs in this one."""
    url = f"http://localhost:{PORT}"
    for line in [
        line for block in blocks(page) if block.language == "sh" and not block.not_run for line in block.commands
    ]:
        words = [word.replace("~", str(home.folder)) if word.startswith("~") else word for word in shlex.split(line)]
        match words:
            case ["qmd-mcp", "serve", *options]:
                started = _program("serve", *options)
                assert started.returncode == 0, (line, started.stderr)
                url = re.findall(r"http://\S+", started.stdout)[0]
            case ["qmd-mcp", *arguments]:
                assert run(arguments) == 0, line
            case ["curl", *arguments]:
                shown = _program("token", "show").stdout.strip() if TOKEN in line else ""
                asked = [
                    word.replace(f"localhost:{PORT}", url.removeprefix("http://")).replace(TOKEN, shown)
                    for word in arguments
                ]
                answered = subprocess.run(
                    ["curl", "--fail-with-body", *asked], capture_output=True, text=True, timeout=PATIENCE, check=False
                )
                assert answered.returncode == 0, (line, answered.stdout, answered.stderr)
            case _:
                pytest.fail(f"{line}: no test runs such a line; mark its block with <!-- not run: REASON -->")


@each_page
def test_every_command_and_option_of_a_page_exists(page: Path) -> None:
    wrong = {command: unknown for command in mentioned_commands(page) if (unknown := unknown_words(command))}
    assert not wrong
    assert not mentioned_options(page) - every_option()


@each_page
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        led = (page.parent / path).resolve() if path else page
        assert led.exists(), target
        if anchor:
            assert anchor in anchors(led), target


@each_page
def test_every_configuration_of_a_page_can_be_read_and_starts_the_server_of_the_example(page: Path) -> None:
    example = json.loads((ROOT / "mcp.json.example").read_text(encoding="utf-8"))["mcpServers"]["qmd-mcp"]
    for block in blocks(page):
        if block.language not in {"json", "toml"}:
            continue
        value = json.loads(block.text) if block.language == "json" else tomllib.loads(block.text)
        servers = value.get("mcpServers") or value.get("servers") or value.get("mcp_servers") or {}
        for server in servers.values():
            assert "url" in server or {name: server[name] for name in example} == example


def test_generated_tables_are_those_of_the_code(tools: list[Tool]) -> None:
    """`make docs` writes them."""
    for path, text in generated_pages(tools).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run make docs"


def test_the_table_of_tools_has_every_tool_that_the_example_configuration_offers(tools: list[Tool]) -> None:
    section = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8").split("\n## Tools\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE) == [tool.name for tool in tools]


def test_every_metric_of_the_documentation_exists() -> None:
    source = (ROOT / "qmd_mcp" / "server" / "http").glob("*.py")
    source_text = "".join(
        path.read_text(encoding="utf-8") for path in (*source, *(ROOT / "qmd_mcp" / "server" / "process").glob("*.py"))
    )
    for name in re.findall(r"`(qmd_[a-z_]+)`", (ROOT / "docs" / "one-server-for-many.md").read_text(encoding="utf-8")):
        assert f'"{name.removesuffix("_total")}"' in source_text, name


def test_every_file_and_folder_that_the_architecture_names_exists() -> None:
    """A path may begin in the middle, such as `ranking/fusion.py`; `NAME` stands for a name to be chosen."""
    rooms = ("qmd_mcp", "tests", "models", "benchmarks", "docs", "examples")
    there = {path.relative_to(ROOT).as_posix() for room in rooms for path in (ROOT / room).rglob("*")}
    there |= {path.name for path in ROOT.iterdir()}
    named = re.findall(r"`([\w./-]+(?:/|\.(?:py|md|toml|json|txt)))`", prose(ROOT / "docs" / "architecture.md"))
    wanted = [name.rstrip("/") for name in named if "NAME" not in name]
    assert [name for name in wanted if not any(f"/{path}".endswith(f"/{name}") for path in there)] == []


def test_every_test_that_the_security_page_names_exists() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8")):
        assert f"def {name}(" in tests, name


def test_every_target_of_the_contributing_page_is_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        for target in re.findall(r"\bmake ([a-z]+)(?=`|\s+#|\n)", page.read_text(encoding="utf-8")):
            assert f"\n{target}:" in makefile, (page.name, target)
