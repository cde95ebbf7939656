"""Which scripts an embedder knows."""

from __future__ import annotations

from dataclasses import dataclass

from qmd_mcp.domain.text.scripts import script_of


@dataclass(frozen=True, slots=True)
class KnownScripts:
    """The scripts an embedder was trained on, by its manifest."""

    embedder: str
    """The embedder's name, as answers show it."""
    scripts: tuple[str, ...]
    """ISO 15924 codes; empty if the embedder knows every script."""

    def knows(self, text: str) -> bool:
        """Whether the embedder knows the script of a text, or the text has no letters."""
        script = script_of(text)
        return not self.scripts or script is None or script in self.scripts

    def objection(self, text: str) -> str | None:
        """Why the text's vector says little, in words; None if the embedder knows the text's script."""
        if self.knows(text):
            return None
        return f"the query is in {script_of(text)} script, which {self.embedder} does not know"
