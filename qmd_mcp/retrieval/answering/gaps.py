"""What keeps an answer from saying that nothing indexed is about the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from qmd_mcp.retrieval.query.known_scripts import KnownScripts
from qmd_mcp.retrieval.search_protocols import IndexState
from qmd_mcp.tasks import concurrently

FOREIGN_SHARE = 0.1
"""Share of the index's words, in scripts that the embedder does not know, from which on too much is not compared by
meaning. Pages in English that show words of other languages have less than .01, and a folder of Chinese pages with much
code has .5 (obsidian-en, electron-en, astro-zh)."""

EMBED = "run qmd-mcp embed"
OTHER_EMBEDDER = "qmd-mcp update --embedder NAME changes to an embedder that knows more scripts."


@dataclass(frozen=True, slots=True)
class Gaps:
    """Says what is missing and how to get it. It is asked only if an answer would deny that something is there."""

    state: IndexState
    scripts: KnownScripts

    async def of_meaning(self, text: str, *, collections: Sequence[str]) -> list[str]:
        """What is missing for an answer by words and meaning."""
        vectors, scripts, others = await concurrently(
            self.of_vectors, self._scripts_of_the_index, partial(self.of_words, collections=collections)
        )
        objection = self.scripts.objection(text)
        unknown = [] if objection is None else [f"Only words were compared: {objection}."]
        other = [OTHER_EMBEDDER] if unknown or scripts else []
        return [*vectors, *unknown, *scripts, *other, *others]

    async def of_words(self, *, collections: Sequence[str]) -> list[str]:
        """What is missing for an answer by words alone."""
        writer = await self.state.writer()
        if writer is not None:  # the files that it is reading are not worth naming
            return [f"The index is being written by {writer}: ask again when that has ended."]
        files = await self.state.changed_files(collections)
        if not files:
            return []
        return [f"Files have changed since the index was updated, such as {', '.join(files)}: run qmd-mcp update."]

    async def of_vectors(self) -> list[str]:
        """How many passages cannot be compared by meaning, and what to do."""
        passages, embedded = await self.state.vectors()
        if embedded >= passages:
            return []
        if not embedded:
            return [f"No passage is embedded yet, so that meaning cannot be compared: {EMBED}."]
        return [f"{passages - embedded} of {passages} passages are not embedded yet: {EMBED}."]

    async def _scripts_of_the_index(self) -> list[str]:
        if not self.scripts.scripts:
            return []
        words = await self.state.scripts()
        foreign = {script: count for script, count in words.items() if script not in self.scripts.scripts}
        share = sum(foreign.values()) / max(sum(words.values()), 1)
        if share < FOREIGN_SHARE:
            return []
        most = max(foreign, key=lambda script: foreign[script])
        about = f"About {share:.0%} of the indexed words are in scripts that {self.scripts.embedder} does not know"
        return [f"{about}, most in {most}: ask also in the words of those texts."]
