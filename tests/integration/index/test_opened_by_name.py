"""Documents of a real index, opened by what people call them."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from qmd_mcp.application.engine import Engine
from qmd_mcp.domain.answers import Excerpt
from qmd_mcp.errors import AmbiguousNameError, SectionNotFoundError
from tests.pages import open_pages

pytestmark = pytest.mark.anyio

STORM = (
    "---\naliases: [Gale drill]\n---\n# Storm plan\n\nIntro.\n\n## Evac\n\nEast stairs.\n\n### Kit\n\nBoots.\n\n"
    "## Radio\n\nChannel nine.\n"
)
PAGES = {"P/Storm plan.md": STORM, "a/todo.md": "# One\n", "b/todo.md": "# Two\n"}


@pytest.fixture(scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """Tests ask it and write nothing."""
    async with open_pages(tmp_path_factory.mktemp("pages"), PAGES, embed=False) as opened:
        yield opened


async def read(engine: Engine, reference: str, *, from_line: int | None = None) -> Excerpt:
    return await engine.reading.get(reference, from_line=from_line, max_lines=None, line_numbers=False)


@pytest.mark.parametrize("name", ["P/Storm plan.md", "storm plan", "[[Storm plan]]", "Gale drill", "[[gale drill|x]]"])
async def test_a_note_is_opened_by_its_path_its_name_and_its_alias(engine: Engine, name: str) -> None:
    excerpt = await read(engine, name)
    assert (excerpt.path, excerpt.text.split("\n")[-1]) == ("P/Storm plan.md", "Channel nine.")


async def test_only_the_section_of_a_heading_is_read_and_the_answer_says_where_it_goes_on(engine: Engine) -> None:
    evac = await read(engine, "[[Gale drill#Evac]]")
    assert evac.text == "## Evac\n\nEast stairs.\n\n### Kit\n\nBoots."
    assert (evac.start_line, evac.end_line, evac.next_line) == (8, 14, 15)
    kit = await read(engine, "Storm plan.md#evac#kit")
    assert kit.text == "### Kit\n\nBoots."
    assert (await read(engine, "[[Storm plan#Radio]]")).next_line is None
    assert (await read(engine, "[[Storm plan#Evac]]", from_line=16)).text == "## Radio\n\nChannel nine."


async def test_lines_are_read_as_forges_link_to_them(engine: Engine) -> None:
    assert (await read(engine, "Storm plan.md#L8-L10")).text == "## Evac\n\nEast stairs."
    assert (await read(engine, "notes/P/Storm plan.md#L10")).text == "East stairs."


async def test_a_heading_that_is_not_there_is_answered_with_those_that_are(engine: Engine) -> None:
    with pytest.raises(SectionNotFoundError, match=r"no heading 'Food'\. It has: Storm plan, Evac, Kit, Radio\."):
        await read(engine, "[[Storm plan#Food]]")


async def test_a_name_of_several_documents_is_answered_with_the_candidates(engine: Engine) -> None:
    with pytest.raises(AmbiguousNameError, match=r"notes/a/todo\.md, notes/b/todo\.md\. Give more of the path\."):
        await read(engine, "todo")


async def test_several_documents_are_read_by_their_names_in_one_call(engine: Engine) -> None:
    found = await engine.reading.get_many(
        ["[[Storm plan#Radio]]", "b/todo", "todo", "a/*.md", "Gale drill#Nowhere"],
        max_lines=None,
        max_bytes=65_536,
        line_numbers=False,
    )
    assert [each.text for each in found.documents] == ["## Radio\n\nChannel nine.", "# Two", "# One"]
    assert [each.path for each in found.skipped] == ["todo", "notes/P/Storm plan.md"]
