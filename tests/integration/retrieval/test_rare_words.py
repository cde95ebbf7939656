"""What `query` says of hits that have the topic of a question and lack what it asks for."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from qmd_mcp.application.engine import Engine
from tests.pages import ask, open_pages

pytestmark = pytest.mark.anyio

PAGES = {
    "export.md": "# Export\n\nA board can be exported as a PDF or an image. Choose *Export* in its menu.\n",
    "sync.md": "# Synchronisation\n\nBoards are synchronised between your devices "
    "every minute, over an encrypted line.\n",
    "refund.md": "# Refunds\n\nYou can have your money back within 14 days. Write to the support.\n",
    "share.md": "# Sharing\n\nInvite colleagues to a board by their address. Guests "
    "can read a board and cannot change it.\n",
    "keys.md": "# Keyboard shortcuts\n\nPress the slash key for the list of commands. "
    "Every command can have a shortcut.\n",
    "backup.md": "# Backups\n\nA copy of every board is kept for thirty days. Restore "
    "it from the history of the board.\n",
    "fapiao.md": "# 报销流程\n\n员工出差回来后,应在三十天内提交发票,由财务部门审核,审核通过后五个工作日内打款。\n",
    "huiyi.md": "# 会议记录\n\n每周一上午十点在三楼会议室开会,由组长主持,会后两天内发出纪要。\n",
}


@pytest.fixture(scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Engine]:
    """The embedder that ships, over pages most of which are in English; tests ask it and write nothing."""
    async with open_pages(tmp_path_factory.mktemp("pages"), PAGES) as opened:
        yield opened


@pytest.mark.parametrize(
    ("question", "path"),
    [
        ("export a board to Photoshop", "export.md"),
        ("refund after 90 days with a voucher from Klarna", "refund.md"),
        ("synchronise boards with Google Calendar", "sync.md"),
        ("restore a board from Zotero", "backup.md"),
    ],
)
async def test_the_right_topic_without_what_was_asked_for_is_not_called_good(
    engine: Engine, question: str, path: str
) -> None:
    answer = await ask(engine, question)
    assert answer.hits[0].path == path
    assert answer.verdict != "good"
    assert (answer.hits[0].relevance or 0) < 0.5


@pytest.mark.parametrize(
    ("question", "path"),
    [
        ("export a board as a PDF", "export.md"),
        ("how many days do I have to get my money back", "refund.md"),
        ("how often are boards synchronised", "sync.md"),
        ("how long are copies of a board kept", "backup.md"),
    ],
)
async def test_an_answer_is_called_good(engine: Engine, question: str, path: str) -> None:
    answer = await ask(engine, question)
    assert answer.hits[0].path == path
    assert answer.verdict == "good"


@pytest.mark.parametrize(
    ("question", "path"),
    [
        ("财务多久可以审核完发票?", "fapiao.md"),
        ("出差的发票应该怎么报销?", "fapiao.md"),
        ("请问每周的会议在哪里开?", "huiyi.md"),
    ],
)
async def test_how_and_where_are_no_rare_words_in_an_index_that_is_mostly_english(
    engine: Engine, question: str, path: str
) -> None:
    answer = await ask(engine, question)
    assert answer.hits[0].path == path
    assert answer.verdict != "none"
    assert (answer.hits[0].relevance or 0) > 0.3
