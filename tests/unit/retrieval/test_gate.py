"""Which queries are expanded."""

from __future__ import annotations

import pytest

from qmd_mcp.retrieval.query.expansion_gate import Lead, why_not_expanded
from qmd_mcp.retrieval.query.syntax import parse


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ('what is "eventual consistency"', "quotes a phrase"),
        ("「最终一致性」是什么", "quotes a phrase"),
        ("getUserById", "identifier"),
        ("os.path.join", "identifier"),
        ("ERR_CONN_REFUSED", "identifier"),
        ("foo_bar usage", "identifier"),
        ("src/main.rs", "identifier"),
        ("--force", "identifier"),
        ("std::vector", "identifier"),
        ("render()", "identifier"),
        ("E1101", "identifier"),
        ("kubernetes", "one name"),
        ("Anna Karenina", "one name"),
        ("Apollo 11", "one name"),
        ("黑洞", "one name"),
    ],
)
def test_queries_that_other_words_would_not_help_say_why(query: str, reason: str) -> None:
    assert reason in str(why_not_expanded(parse(query)))


@pytest.mark.parametrize(
    "query",
    [
        "how do we fail over",
        "what does getUserById return when the user is gone",
        "docker compose networking",
        "how to restore a backup?",
        "Who wrote the first novel in English",
        "主库挂了怎么办",
        "如何配置 LanceDB 的索引",
        "What is the difference between TCP/IP and UDP networking",
    ],
)
def test_questions_are_expanded(query: str) -> None:
    assert why_not_expanded(parse(query)) is None


@pytest.mark.parametrize(
    ("lead", "skips"),
    [
        (Lead(first=20.0, second=8.0), True),
        (Lead(first=20.0, second=0.0), False),
        (Lead(first=20.0, second=19.0), False),
        (Lead(first=0.0, second=0.0), False),
    ],
)
def test_a_clear_first_hit_needs_no_other_words(lead: Lead, *, skips: bool) -> None:
    reason = why_not_expanded(parse("how do we fail over"), lead=lead)
    assert (reason == "The query's own words have a clear first hit.") is skips
