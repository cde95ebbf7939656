"""The reference page of the tools."""

from __future__ import annotations

from qmd_mcp.application.tool_calls import TOOLS
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.server.mcp.tool_reference import argument_table, tool_reference


def test_an_argument_is_a_row_with_its_bounds_default_and_option() -> None:
    rows = argument_table(QueryRequest).splitlines()
    assert rows[2].startswith("| `query` | text | required | ")
    assert rows[2].endswith(" | `QUERY` |")
    assert "| `limit` | a whole number from 1 to 100 | `10` | Hits at most. | `--limit`, `-n` |" in rows
    assert (
        "| `options.expand` | true or false | `true` | Let a language model write sub-queries. | `--expand` |" in rows
    )
    assert (
        "| `options.candidate_limit` | a whole number from 1 to 100 | `40` | Passages to rerank. | "
        "`--candidate-limit` |" in rows
    )
    assert len(rows) == 2 + 17


def test_every_tool_has_its_section() -> None:
    page = tool_reference()
    assert [line for line in page.splitlines() if line.startswith("### ")] == [f"### `{name}`" for name in TOOLS]
    assert page.endswith("and by which models.\n\nIt takes no arguments.\n")
