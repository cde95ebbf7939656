"""Evidence without the documents that answer."""

import numpy as np

from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import Ranking
from qmd_mcp.evaluation.evidence_source import without
from qmd_mcp.retrieval.candidates.evidence import UNRANKED, gather


def ranking(*names: str) -> Ranking:
    passages = tuple(Passage(name, "c", f"{name}.md", "", 0, (), "", name, 1, 1, 0, 1) for name in names)
    angles = np.array([ord(name) for name in names], dtype=np.float32)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return Ranking(passages, np.linspace(2, 1, len(names), dtype=np.float32), vectors)


def test_what_is_left_closes_up_as_if_the_others_had_never_been_indexed() -> None:
    query = np.array([1.0, 0.0], dtype=np.float32)
    whole = gather(lexical=ranking("a", "b", "c"), dense=ranking("c", "d", "a"), query=query)
    left = without(whole, {"a.md"})
    assert [passage.docid for passage in left.passages] == ["b", "c", "d"]
    assert left.lexical_rank.tolist() == [0, 1, UNRANKED]
    assert left.dense_rank.tolist() == [UNRANKED, 0, 1]
    assert left.cosine.tolist() == whole.cosine[1:].tolist()
    assert len(left.vectors) == len(left.maxsim) == len(left.support) == 3
