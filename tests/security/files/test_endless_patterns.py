"""Globs and lines of `.gitignore` that are made to take for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from qmd_mcp.corpus.library.naming import Naming
from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.scanning.gitignore import MAX_BYTES
from qmd_mcp.corpus.scanning.ignore_patterns import MOST_WILD
from qmd_mcp.corpus.scanning.redaction import redacted
from qmd_mcp.corpus.scanning.scan import scan
from qmd_mcp.domain.answers import Skip
from qmd_mcp.domain.documents import Collection, Document, DocumentNames
from qmd_mcp.domain.text.searched_text import without_markup
from qmd_mcp.retrieval.showing.table_headers import header_above

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Named:
    """Documents of which only the names matter."""

    keys: Sequence[str]

    async def by_prefix(self, prefix: str) -> tuple[Document, ...]:
        return ()

    async def by_keys(self, keys: Sequence[str]) -> Mapping[str, Document]:
        return {}

    async def names(self) -> tuple[DocumentNames, ...]:
        return tuple(DocumentNames(key, title="") for key in self.keys)


async def no_collections() -> Mapping[str, Collection]:
    return {}


async def refused(keys: Sequence[str], *globs: str) -> list[str]:
    _, skipped = await Naming(Named(keys), collections=no_collections).select(globs)
    return [each.reason for each in skipped]


async def test_a_glob_that_stands_for_half_a_million_characters_is_refused_before_it_is_compiled() -> None:
    (reason,) = await refused(["notes/a.md"], "{a,b}" * 9 + "*?" * 475 + "!")
    assert "more than 20,000 characters" in reason


async def test_a_glob_of_nothing_but_wildcards_is_answered() -> None:
    keys = [f"notes/{'a' * length}.md" for length in range(1, 200)]
    assert await refused(keys, "*?" * 499 + "!", "**/" * 300 + "!") == ["no document matches it"] * 2


@pytest.mark.attack
async def test_globs_that_take_long_with_many_documents_end_with_a_sentence() -> None:
    keys = [f"notes/{'ab/' * 60}{number}.md" for number in range(20_000)]
    globs = ["{" + ",".join(f"**/*{sign}?*b?/{number}" for sign in "abc") + "}" + "?*" * 9 for number in range(100)]
    assert "compared for 2 s at most" in (await refused(keys, *globs))[-1]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("*a*b*c\n" * (MAX_BYTES // 7), id="many lines"),
        pytest.param("?*?*?*?*?*?*?*?*!\n" * (MOST_WILD // 16), id="slow lines"),
        pytest.param("a.md\n" * MAX_BYTES, id="many bytes"),
    ],
)
def test_a_gitignore_that_would_take_long_is_heeded_in_part_and_named(tmp_path: Path, lines: str) -> None:
    (tmp_path / ".gitignore").write_text(f"secret/\n{lines}late.txt\n")
    for path in ("secret/plan.txt", "sub/b.txt", "late.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    found = list(scan(Collection("notes", tmp_path, ("**/*.txt",))))
    assert Skip(".gitignore", "too large") in found
    assert [entry.path for entry in found if not isinstance(entry, Skip)][-1] == "sub/b.txt"


def test_every_gitignore_on_the_way_to_a_file_shares_the_room_for_wildcards(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(5):
        (folder / ".gitignore").write_text("*a*b*c\n" * (MOST_WILD // 4 // 6))
        folder /= "sub"
        folder.mkdir()
    (folder / "b.txt").touch()
    found = list(scan(Collection("notes", tmp_path, ("**/*.txt",))))
    assert [each.path for each in found] == ["sub/sub/sub/sub/.gitignore", "sub/sub/sub/sub/sub/b.txt"]


def test_a_line_longer_than_any_name_is_no_pattern(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*?" * 500 + "!\n" + "*" * 2_000 + "\n")
    (tmp_path / "b.txt").touch()
    assert [each.path for each in scan(Collection("notes", tmp_path, ("**/*.txt",)))] == ["b.txt"]


LONG = 100_000


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda: header_above("a\n" + "\t" * LONG + "!\n| b", LONG + 5, first=""), id="rule of a table"),
        pytest.param(lambda: without_markup("[" + ":link:" * LONG, path="a.adoc"), id="targets"),
        pytest.param(lambda: read(b"= a\nb\nv" + b"1." * LONG + b"!\n\ntext", "a.adoc"), id="revision"),
        pytest.param(lambda: read(b"#+date: <" + b"-" * LONG + b"\n\ntext", "a.org"), id="time stamp"),
        pytest.param(lambda: redacted(b"-----BEGIN PRIVATE KEY-----" * LONG), id="keys"),
        pytest.param(lambda: redacted(b"?token=" * LONG + b"://a:" * LONG + b"ATATT3x" * LONG), id="tokens"),
    ],
)
def test_a_text_that_an_expression_would_look_at_again_and_again_is_looked_at_once(work: Callable[[], object]) -> None:
    work()  # in quadratic time these take from nine seconds to hours
