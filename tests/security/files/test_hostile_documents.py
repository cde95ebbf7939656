"""Documents that are made to stop indexing, to exhaust the machine, or to block whoever searches."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import anyio
import pytest

from qmd_mcp.application.engine import Engine, open_engine
from qmd_mcp.corpus.library.excerpt import MAX_CHARACTERS
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest, SearchRequest
from qmd_mcp.settings import IndexLocation, Settings

pytestmark = pytest.mark.anyio

GLOBS = tuple(f"**/*.{extension}" for extension in ("md", "html", "org", "adoc", "rst", "csv", "txt", "py"))
HONEST = {
    "a.md": "# Alpha\n\nThe first page.\n",
    "y.html": "<h1>Ypsilon</h1><p>The next page.",
    "z.md": "The last page.",
}
MARKS = "\u0301\u0316"
WAIT = 120
"""Seconds after which an answer counts as none; without the limits, these documents take minutes."""

CRAFTED = {
    "reference.html": f"<p>&#{'9' * 5_000};</p>",
    "zeros.html": f"<p>&#{'0' * 5_000}65;</p>",
    "attribute.html": f"<img alt='&#x{'f' * 5_000};&#{'9' * 5_000};'>text",
    "title.html": f"<title>&#{'9' * 5_000};</title>text",
    "section.html": "<![" * 2_000 + "text",
    "keys.md": f"+++\na{'.a' * 30_000} = 1\n+++\ntext",
    "quoted.md": "+++\na" + '. "b" . c' * 6_000 + " = 1\n+++\ntext",
    "arrays.md": f"+++\na = {'[' * 30_000}{']' * 30_000}\n+++\ntext",
    "tables.md": f"+++\na = {'{a = ' * 10_000}1{'}' * 10_000}\n+++\ntext",
    "number.md": f"+++\na = {'9' * 60_000}\n+++\ntext",
    "aliases.md": "---\na: &a [x, x]\n"
    + "".join(f"{name}: &{name} [*{above}, *{above}]\n" for above, name in pairwise("abcdefghijklmnopqrstuvw"))
    + "---\ntext",
    "deep.md": f"---\na: {'[' * 30_000}\n---\ntext",
    "marks.md": f"e{MARKS * 40_000} text",
    "marks.csv": f"name,e{MARKS * 20_000}\nrow,e{MARKS * 1_000}\n",
    "title.md": f"---\ntitle: e{MARKS * 10_000}\naliases: [e{MARKS * 5_000}]\n---\n# e{MARKS * 10_000}\n\ntext",
    "lists.md": "- " * 20_000 + "text",
    "quotes.md": ">" * 50_000 + " text",
    "links.md": "[a](" * 20_000 + "text",
    "emphasis.md": "# " + "*a _b " * 20_000,
    "table.md": f"|{'a|' * 20_000}\n|{'-|' * 20_000}\n|{'b|' * 20_000}\n",
    "fences.md": "".join(f"{'`' * number}\n" for number in range(3, 500)),
    "line.txt": "x" * 1_000_000,
    "blocks.org": "#+begin_a\n" * 20_000 + "* text",
    "edges.adoc": "----\n" * 20_001 + "text",
    "rules.rst": "=\n" * 50_000 + "text",
}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with open_engine(Settings(), IndexLocation(str(tmp_path / "index")), create=True) as engine:
        (tmp_path / "notes").mkdir()
        for name, text in HONEST.items():
            (tmp_path / "notes" / name).write_text(text)
        await engine.writing.add_collection(Collection("notes", tmp_path / "notes", GLOBS))
        yield engine


async def paths(engine: Engine) -> set[str]:
    return {key.removeprefix("notes/") for key in await engine.reading.keys()}


async def test_crafted_documents_keep_no_other_from_being_indexed_and_are_read(engine: Engine, tmp_path: Path) -> None:
    for name, text in CRAFTED.items():
        (tmp_path / "notes" / f"m-{name}").write_text(text)
    before = _most_memory()
    with anyio.fail_after(WAIT):
        summary = await engine.writing.update(embed=False)
    assert summary.skipped == {}
    assert set(HONEST) <= await paths(engine)
    assert summary.added == len(HONEST) + len(CRAFTED)
    assert _most_memory() - before < 300 * 1024 * 1024
    with anyio.fail_after(WAIT):
        assert (await engine.searching.search(SearchRequest("page"))).hits
        for name in await paths(engine):
            excerpt = await engine.reading.get(f"notes/{name}", from_line=None, max_lines=None, line_numbers=True)
            assert len(excerpt.text) <= MAX_CHARACTERS + len("1  ")


async def test_searches_are_answered_while_a_document_is_read_that_takes_long(engine: Engine, tmp_path: Path) -> None:
    await engine.writing.update(embed=False)
    (tmp_path / "notes" / "slow.md").write_text("# a\n" * 40_000)
    (tmp_path / "notes" / "marks.md").write_text(f"e{MARKS * 50_000}")
    answers = 0
    async with anyio.create_task_group() as group:

        async def search() -> None:
            nonlocal answers
            while True:
                assert (await engine.searching.search(SearchRequest("page"))).hits
                answers += 1

        group.start_soon(search)
        with anyio.fail_after(WAIT):
            await engine.writing.update(embed=False)
            await engine.reading.get("notes/marks.md", from_line=None, max_lines=None, line_numbers=False)
        group.cancel_scope.cancel()
    assert answers > 10


async def test_a_query_of_marks_is_answered(engine: Engine) -> None:
    await engine.writing.update()
    with anyio.fail_after(WAIT):
        for query in (f"page {'e' + MARKS * 400}", f'page "e{MARKS * 400}"', f"page -e{MARKS * 300}"):
            await engine.searching.query(QueryRequest(query[:1_000]))


def _most_memory() -> int:
    """The most memory that this process has had, in bytes; 0 on Windows, which does not tell it."""
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
