"""Proving that a string occurs in no indexed text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import anyio

from qmd_mcp.domain.lookup import Places
from qmd_mcp.retrieval.search_protocols import IndexVocabulary
from qmd_mcp.tasks import concurrently

PROOF_SECONDS = 1.0
"""How long all texts are searched for the strings of one answer. What is not proved by then is not said."""


@dataclass(frozen=True, slots=True)
class Absences:
    """Looks into the texts before an answer says that something is nowhere."""

    vocabulary: IndexVocabulary

    async def places(self, parts: Sequence[str]) -> Mapping[str, Places]:
        """Where each string stands; what could not be found out in time is missing."""
        found: dict[str, Places] = {}

        async def look(part: str) -> None:
            found[part] = await self.vocabulary.places(part)

        with anyio.move_on_after(PROOF_SECONDS):
            await concurrently(*(partial(look, part) for part in dict.fromkeys(parts)))
        return found


def within_others(part: str, places: Places) -> str:
    """Says that a string is no word of its own where it stands."""
    where = f"{places.passages} passage{'' if places.passages == 1 else 's'}"
    if not places.words:
        return f"{part!r} stands in {where}, but not as a word."
    return f"{part!r} occurs only within other words, such as {places.words[0]!r} ({where})."
