"""Which scripts an embedder knows."""

from __future__ import annotations

from dataclasses import dataclass

from qmd_mcp.domain.scripts import script_of


@dataclass(frozen=True, slots=True)
class KnownScripts:
    """The scripts an embedder was trained on, by its manifest."""

    embedder: str
    """The embedder's name, as answers show it."""
    scripts: tuple[str, ...]
    """ISO 15924 codes; empty if the embedder knows every script."""

    def objection(self, text: str) -> str | None:
        """Why the text's vector says little, in words; None if the embedder knows the text's script."""
        script = script_of(text)
        if not self.scripts or script is None or script in self.scripts:
            return None
        return f"the query is in {script} script, which {self.embedder} does not know"
