"""Answers that see one state of the index while it is being written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from qmd_mcp.domain.answers import Answer
from qmd_mcp.retrieval.search_protocols import DocumentStates
from qmd_mcp.retrieval.stage_log import StageLog

ATTEMPTS = 5
"""How often an answer is made at most. An update commits documents every few seconds, so the second attempt nearly
always sees one state."""

INCONSISTENT = (
    "The index was being written while this answer was made: a document that was just changed may be missing. "
    "Ask again in a moment."
)


class ConsistentReads:
    """Makes an answer again if documents changed while it was made.

    Passages are written before their document becomes visible and deleted after it has become invisible. So every
    visible document has all its passages as long as the documents stay the same. An answer made during a change of
    documents could lack a document altogether: its old passages no longer visible, its new ones not looked for.
    """

    def __init__(self, documents: DocumentStates) -> None:
        self._documents = documents

    async def answer(self, attempt: Callable[[], Awaitable[Answer]], *, log: StageLog) -> Answer:
        """Make an answer until one state held for the whole of it, within the attempts and the time of the request.

        If that cannot be had, the last answer is given with a note that says so.
        """
        for number in range(1, ATTEMPTS + 1):
            before = await self._documents.state()  # first: what is decided from here on is written after it
            await self._documents.look()
            log.begin_again()
            found = await attempt()
            if await self._documents.state() == before:
                return found
            if number == ATTEMPTS or not log.seconds_left():
                break
        return replace(found, notes=(*found.notes, INCONSISTENT))
