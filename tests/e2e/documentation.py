"""The pages of the documentation, taken apart: commands, links, options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer.main

from qmd_mcp.cli import app

ROOT = Path(__file__).parents[2]

PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
"""benchmarks/README.md is left out: its commands take hours and evaluation sets."""

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")

PROGRAM = typer.main.get_command(app)


@dataclass(frozen=True, slots=True)
class Block:
    """One block of code."""

    language: str
    text: str
    not_run: str | None
    """Why the tests do not run it."""

    @property
    def commands(self) -> tuple[str, ...]:
        """Its lines without comments."""
        lines = (re.sub(r"(?:^|\s+)#.*", "", line).strip() for line in self.text.splitlines())
        return tuple(line for line in lines if line)


def blocks(page: Path) -> tuple[Block, ...]:
    """Every block of code of a page."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return tuple(Block(match["language"], match["text"], match["reason"]) for match in found)


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> Iterator[str]:
    """Where a page leads, addresses of other hosts left out."""
    return (target for target in _LINK.findall(prose(page)) if "://" not in target)


def anchors(page: Path) -> frozenset[str]:
    """What can stand behind `#`, as forges make it of headings."""
    titles = _HEADING.findall(prose(page))
    return frozenset(re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles)


def mentioned_commands(page: Path) -> Iterator[str]:
    """Every command of ours, in blocks that are run and in those that are not, and in the text."""
    for block in blocks(page):
        if block.language == "sh":
            yield from (line[line.index("qmd-mcp ") :] for line in block.commands if re.search(r"(^|\s)qmd-mcp ", line))
    yield from (code for code in _INLINE.findall(prose(page)) if code.startswith("qmd-mcp "))


def mentioned_options(page: Path) -> frozenset[str]:
    """Every long option that the text names on its own."""
    named = (code.split()[0].split("=")[0] for code in _INLINE.findall(prose(page)))
    return frozenset(name for name in named if _OPTION.fullmatch(name))


def unknown_words(command: str) -> list[str]:
    """The commands and options in a line that our program does not have."""
    current: Any = PROGRAM  # typer brings its own click, whose classes have no public name
    words = shlex.split(command.split("|", maxsplit=1)[0])[1:]
    unknown: list[str] = []
    known = _options(PROGRAM)
    for word in words:
        if word == "--":
            break
        if word.startswith("-"):
            name = word.split("=")[0]
            unknown += [] if name in known else [name]
        elif (commands := getattr(current, "commands", None)) is not None:
            if word in commands:
                current = commands[word]
                known |= _options(current)
            elif not word.isupper():  # the value of an option before the command
                unknown.append(word)
    return unknown


def every_option() -> frozenset[str]:
    """The options of every command."""
    waiting: list[Any] = [PROGRAM]
    found: frozenset[str] = frozenset()
    while waiting:
        command = waiting.pop()
        found |= _options(command)
        waiting += getattr(command, "commands", {}).values()
    return found


def _options(command: Any) -> frozenset[str]:
    listed = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return frozenset(listed | {"--help", "-h"})
