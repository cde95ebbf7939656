"""Which queries are better not expanded."""

from __future__ import annotations

from qmd_mcp.lookup import Ranking
from qmd_mcp.retrieval.syntax import ParsedQuery


def skip_reason(parsed: ParsedQuery, *, lexical: Ranking) -> str | None:
    """Null where expansion may help."""
    return "placeholder" if parsed.lexical.phrases and lexical.passages else None
