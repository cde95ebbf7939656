"""Which queries are expanded."""

from __future__ import annotations

import numpy as np
import pytest

from qmd_mcp.documents import Passage
from qmd_mcp.lookup import Ranking
from qmd_mcp.retrieval.gate import skip_reason
from qmd_mcp.retrieval.syntax import parse


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
    assert reason in str(skip_reason(parse(query)))


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
    assert skip_reason(parse(query)) is None


def found(*scores: tuple[str, float]) -> Ranking:
    """BM25 by document."""
    passages = tuple(
        Passage(
            docid=docid,
            collection="notes",
            path=f"{docid}.md",
            title="",
            ordinal=number,
            heading=(),
            breadcrumb="",
            text="",
            start_line=1,
            end_line=1,
            start_char=0,
            end_char=0,
        )
        for number, (docid, _) in enumerate(scores)
    )
    return Ranking(
        passages,
        scores=np.array([score for _, score in scores], dtype=np.float32),
        vectors=np.zeros((len(scores), 1), dtype=np.float32),
    )


@pytest.mark.parametrize(
    ("lexical", "skips"),
    [
        (found(("a", 20.0), ("b", 8.0)), True),
        (found(("a", 20.0), ("a", 19.0), ("b", 8.0)), True),
        (found(("a", 20.0), ("b", 19.0)), False),
        (found(("a", 20.0), ("a", 8.0)), False),
        (found(("a", 20.0)), False),
        (found(), False),
        (None, False),
    ],
)
def test_a_clear_first_hit_needs_no_other_words(lexical: Ranking | None, *, skips: bool) -> None:
    reason = skip_reason(parse("how do we fail over"), lexical=lexical)
    assert (reason == "the query's own words have a clear first hit") is skips
