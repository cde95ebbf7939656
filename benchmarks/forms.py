"""Quantised forms of one embedder compared: size, rate, dependence on the batch, and quality through the product.

A form is a profile or a model folder with its manifest, as `QMD_EMBEDDER` takes it. The forms alternate within each
round, so that a slow minute of the machine affects them all; rates are relative to the first form's.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import anyio
import numpy as np

from benchmarks.embedding import CHARACTERS, TEXTS, rate
from benchmarks.parts.evaluation_sets import read_sets
from benchmarks.parts.machine import headed, positive, provenance
from benchmarks.quality import Way, measure_sets
from qmd_mcp.evaluation.datasets import Dataset
from qmd_mcp.inference.embedding.embedder import BATCH, Embedder
from qmd_mcp.inference.loading import load_embedder, session_factory, user_catalogue
from qmd_mcp.inference.runtime.session import cores
from qmd_mcp.settings import read_settings

WAYS = (Way("vsearch", "vsearch"), Way("query", "query"))
"""The searches whose result depends on the embedder."""

TOGETHER = 16
"""Passages that are embedded in one batch and then each alone."""


def main(arguments: Sequence[str]) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forms", description=__doc__)
    parser.add_argument("sets", type=Path, nargs="+", help="evaluation sets")
    parser.add_argument("--forms", nargs="+", required=True, metavar="PROFILE_OR_FOLDER")
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--documents", type=positive, metavar="N", help="of each set: the judged ones and others")
    parser.add_argument("--no-quality", action="store_true", help="leave out what needs whole sets embedded")
    options = parser.parse_args(arguments)
    settings = read_settings()
    models = {form: user_catalogue().embedder(form) for form in options.forms}
    embedders = {form: load_embedder(model, session_factory(settings)) for form, model in models.items()}
    datasets = read_sets(parser, options.sets)
    texts = [each.text[:CHARACTERS] for dataset in datasets for each in dataset.documents[: TEXTS // len(datasets)]]
    rates: dict[str, list[float]] = {form: [] for form in embedders}
    for _ in range(options.rounds):
        for form, embedder in embedders.items():
            rates[form].append(rate(embedder, texts, batch=BATCH, at_once=cores()))
    fastest = median(rates[options.forms[0]])
    sets = [] if options.no_quality else [reduced(dataset, documents=options.documents) for dataset in datasets]
    header = ["form", "MB", "passages/s", "rate", "cosine alone to batch: mean", "min"]
    table = [[*header, *(f"{dataset.name} {way.name}" for dataset in sets for way in WAYS)]]
    for form, embedder in embedders.items():
        size = sum((models[form].folder / file).stat().st_size for file in embedder.placed.graph.files)
        cosines = alone_to_together(embedder, texts)
        quality = {
            (report.dataset, report.mode): f"{report.quality.ndcg_at_10:.4f}"
            for report in anyio.run(measure_sets, sets, settings.model_copy(update={"embedder": form}), None, WAYS)
        }
        speed = median(rates[form])
        figures = [f"{size / 1e6:.1f}", f"{speed:.1f}", f"{speed / fastest:.2f}"]
        figures += [f"{cosines.mean():.4f}", f"{cosines.min():.4f}"]
        table.append(
            [
                Path(form).name,
                *figures,
                *(quality[dataset.name, way.mode] for dataset in sets for way in WAYS),
            ]
        )
    print(headed(provenance("benchmarks.forms", arguments), table))


def reduced(dataset: Dataset, *, documents: int | None) -> Dataset:
    """The judged documents and others, chosen by the hash of their ids, up to a number; all if it is None."""
    if documents is None:
        return dataset
    judged = {document_id for query in dataset.queries for document_id in query.grades}
    by_hash = sorted(
        dataset.documents,
        key=lambda each: (each.document_id not in judged, hashlib.sha256(each.document_id.encode()).digest()),
    )
    kept = tuple(by_hash[: max(documents, len(judged))])
    identity = hashlib.sha256(f"{dataset.fingerprint} {len(kept)}".encode()).hexdigest()
    return replace(dataset, name=f"{dataset.name}-{len(kept)}", documents=kept, fingerprint=identity)


def alone_to_together(embedder: Embedder, texts: Sequence[str]) -> np.ndarray:
    """Of each text the cosine between its embedding alone and its embedding in a batch, [texts]."""
    ordered = sorted(texts, key=len)
    batches = [ordered[start : start + TOGETHER] for start in range(0, len(ordered), TOGETHER)]
    together = np.concatenate([embedder.embed_batch(batch) for batch in batches])
    alone = np.concatenate([embedder.embed_batch([text]) for text in ordered])
    cosines: np.ndarray = (together * alone).sum(axis=1)
    return cosines


if __name__ == "__main__":
    main(sys.argv[1:])
