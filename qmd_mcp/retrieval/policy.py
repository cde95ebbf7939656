"""How `query` combines its lists, as the settings have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qmd_mcp.lookup import FloatArray
from qmd_mcp.retrieval.evidence import Evidence
from qmd_mcp.retrieval.fusion import convex, lexical_first, reciprocal_ranks, supported
from qmd_mcp.retrieval.syntax import ParsedQuery
from qmd_mcp.script import script_of


@dataclass(frozen=True, slots=True)
class FusionPolicy:
    """Which combination, with its constants and what it must know of the embedder."""

    method: Literal["convex", "rrf"]
    alpha: float
    rrf_k: int
    embedder: str
    """Its name, for the answer."""
    scripts: tuple[str, ...]
    """Scripts that the embedder knows; empty for all."""

    def stranger(self, text: str) -> str | None:
        """Null if the embedder knows the text's script, else why its word counts little."""
        script = script_of(text)
        if not self.scripts or script is None or script in self.scripts:
            return None
        return f"the query is in {script} script, which {self.embedder} does not know"

    def fused(self, evidence: Evidence, parsed: ParsedQuery) -> FloatArray:
        """[candidates]; higher is better."""
        if self.stranger(parsed.text) is not None:
            scores = lexical_first(evidence)
        elif self.method == "rrf":
            scores = reciprocal_ranks(evidence, k=self.rrf_k)
        else:
            scores = convex(evidence, alpha=self.alpha)
        return supported(scores, evidence)
