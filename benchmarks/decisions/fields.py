"""What each field of the full-text index adds to BM25, and what dropping function words changes.

The queries of evaluation sets are answered by lexical retrieval alone, in the indexes that benchmarks.quality keeps,
with one weight changed at a time. The table has nDCG@10 for each set.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import anyio

from benchmarks.parts.evaluation_sets import read_sets
from benchmarks.parts.machine import headed, provenance
from qmd_mcp.application.engine import index_identity
from qmd_mcp.domain.lookup import LexicalQuery, Scope
from qmd_mcp.evaluation.corpus_files import document_ids
from qmd_mcp.evaluation.datasets import Dataset
from qmd_mcp.evaluation.metrics import best_of_each, measure
from qmd_mcp.evaluation.runner import index_folder
from qmd_mcp.retrieval.query.syntax import parse
from qmd_mcp.settings import read_settings
from qmd_mcp.store.fulltext import full_text_query as fulltext
from qmd_mcp.store.generation import serving
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.tables.passage_table import PassageTable

AS_SHIPPED = MappingProxyType(dict(fulltext.BOOSTS))

VARIANTS: Mapping[str, Mapping[str, float]] = {
    "as shipped": {},
    "titles 0": {"titles": 0.0},
    "titles 1": {"titles": 1.0},
    "titles 2": {"titles": 2.0},
    "labels 0": {"labels": 0.0},
    "labels 1": {"labels": 1.0},
    "identifiers 0, parts 0": {"identifiers": 0.0, "parts": 0.0},
    "identifiers 0.5": {"identifiers": 0.5},
    "identifiers 2": {"identifiers": 2.0},
    "parts 0": {"parts": 0.0},
    "parts 0.5": {"parts": 0.5},
    "function words kept": {},
}
KEPT = "function words kept"
"""The variant in which no word of a query is dropped."""


def main(arguments: Sequence[str]) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decisions.fields", description=__doc__)
    parser.add_argument("sets", type=Path, nargs="+", help="evaluation sets that benchmarks.quality has indexed")
    parser.add_argument("--queries", type=int, default=300, help="at most so many queries a set (default 300)")
    options = parser.parse_args(arguments)
    table = anyio.run(compare, read_sets(parser, options.sets), options.queries)
    print(headed(provenance("benchmarks.decisions.fields", arguments), table))


async def compare(datasets: Sequence[Dataset], sample: int) -> list[list[str]]:
    """A header and one row for each variant."""
    figures = {variant: [variant] for variant in VARIANTS}
    for dataset in datasets:
        database = await Database.open(str(index_folder(dataset, identity=index_identity(read_settings())) / "index"))
        generation = await serving(database)
        if generation is None:
            sys.exit(f"{dataset.name} is not indexed yet: run python -m benchmarks.quality on its folder first")
        table = await PassageTable.open(database, fingerprint=generation.fingerprint, dimension=generation.dimension)
        for variant, changed in VARIANTS.items():
            fulltext.BOOSTS.update({**AS_SHIPPED, **changed})
            figures[variant].append(f"{await quality(table, dataset, sample=sample, kept=variant == KEPT):.3f}")
        database.close()
    return [["nDCG@10 of BM25", *(dataset.name for dataset in datasets)], *figures.values()]


async def quality(table: PassageTable, dataset: Dataset, *, sample: int, kept: bool) -> float:
    """nDCG@10 over a sample of a set's queries."""
    ids, queries = document_ids(dataset), dataset.sample(sample)
    rankings: dict[str, tuple[str, ...]] = {}
    for query in queries:
        lexical = LexicalQuery(tuple(query.text.split())) if kept else parse(query.text).lexical
        found = await table.lexical(lexical, scope=Scope(), limit=100, vectors="without")
        rankings[query.query_id] = best_of_each(ids[passage.path] for passage in found.passages)
    return measure(rankings, {query.query_id: query.grades for query in queries}).ndcg_at_10


if __name__ == "__main__":
    main(sys.argv[1:])
