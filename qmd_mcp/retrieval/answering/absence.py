"""Proving that a string occurs in no indexed text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import anyio

from qmd_mcp.domain.lookup import Places
from qmd_mcp.domain.text.folding import folded
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
        return {part: found[part] for part in parts if part in found}


def within_others(found: Mapping[str, Places]) -> list[str]:
    """Say which strings are no words of their own where they stand; no sentence if there is none."""
    parts = [
        f"{part!r} ({f'such as {places.words[0]!r}, ' if places.words else ''}{_passages(places.passages)})"
        for part, places in found.items()
        if places.passages and folded(part) not in map(folded, places.words)  # else in the target of a link
    ]
    return [f"Only within other words: {', '.join(parts)}."] if parts else []


def _passages(count: int) -> str:
    return f"{count} passage{'' if count == 1 else 's'}"
