"""What late interaction adds to fusion, and how much of it is left when the token states are kept in less space."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import anyio
import numpy as np

from benchmarks.parts.evaluation_sets import chosen_sets
from benchmarks.parts.machine import headed, positive, provenance
from benchmarks.quality import Watch
from qmd_mcp.application.engine import DEFAULT_PROFILE, index_identity, open_engine
from qmd_mcp.domain.documents import Passage
from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.domain.token_states import packed, unpacked
from qmd_mcp.evaluation.corpus_files import document_ids
from qmd_mcp.evaluation.datasets import Dataset, JudgedQuery
from qmd_mcp.evaluation.metrics import best_of_each, ndcg
from qmd_mcp.evaluation.runner import COLLECTION, index_dataset, index_folder, index_of
from qmd_mcp.inference.embedding.projection import Projection, projection_beside, read_projection
from qmd_mcp.inference.embedding.token_encoder import TokenEncoder
from qmd_mcp.inference.loading import load_embedder, session_factory, user_catalogue
from qmd_mcp.retrieval.candidates.evidence import gather
from qmd_mcp.retrieval.query.rarity import Rarities
from qmd_mcp.retrieval.query.syntax import parse
from qmd_mcp.retrieval.ranking.fusion import convex
from qmd_mcp.retrieval.ranking.late_interaction import max_similarity
from qmd_mcp.settings import Settings, read_settings
from qmd_mcp.store.generation import serving
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.open_index import OpenIndex
from qmd_mcp.store.stored_vocabulary import StoredVocabulary

DEPTHS = (10, 20, 30)
"""Numbers of first candidates that are compared token by token."""

SHARE = 0.5
"""What the best late-interaction score adds to a fused score, which is at most 1."""

ALPHA = 0.5
"""Share of the cosine in the convex sum."""


@dataclass(frozen=True, slots=True)
class Question:
    """One query with its fused candidates and the token states that late interaction compares."""

    grades: Mapping[str, int]
    documents: tuple[str, ...]
    """The document of each candidate, best first."""
    fused: FloatArray
    """[candidates]; the fused scores."""
    query: FloatArray
    """[tokens, width]; the exact states of the query."""
    passages: tuple[FloatArray, ...]
    """Of each of the first candidates the exact states, [tokens, width]."""
    weights: FloatArray
    """[tokens]; the weight of each of the query's tokens."""


def main(arguments: Sequence[str]) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.late_interaction", description=__doc__)
    parser.add_argument("sets", type=Path, help="a folder of evaluation sets, or one set")
    parser.add_argument("--only", nargs="+", metavar="SET", help="only these sets of the folder")
    parser.add_argument("--queries", type=positive, default=100, metavar="N", help="at most N queries a set")
    options = parser.parse_args(arguments)
    rows = [
        row
        for dataset in chosen_sets(parser, options)
        for row in anyio.run(measure_set, dataset, read_settings(), options.queries)
    ]
    header = ["set", "form", "bytes a token", "fused", *(f"of {depth}" for depth in DEPTHS), "alone", "ms to compare"]
    print(headed(provenance("benchmarks.late_interaction", arguments), [header, *rows]))


async def measure_set(dataset: Dataset, settings: Settings, count: int) -> list[list[str]]:
    """Index the set if need be, and return one row for each form."""
    place = index_folder(dataset, identity=index_identity(settings))
    async with open_engine(settings, index_of(place), create=True) as engine:
        await index_dataset(engine, dataset, folder=place, progress=Watch(dataset.name))
    encoder, projection = token_encoder(settings)
    database = await Database.open(index_of(place).uri)
    generation = await serving(database)
    assert generation is not None
    index = await OpenIndex.open(database, location=index_of(place), generation=generation)
    reading = Reading(index, encoder, dataset)
    questions = [await reading.question(query) for query in dataset.sample(count)]
    database.close()
    print(f"{dataset.name}: {len(questions)} queries, {len(reading.states)} passages encoded", file=sys.stderr)
    return [[dataset.name, *form_row(questions, form)] for form in forms(projection)]


def token_encoder(settings: Settings) -> tuple[TokenEncoder, Projection]:
    """The token encoder of the embedder that ships, and the projection that it keeps states by."""
    model = user_catalogue().embedder(DEFAULT_PROFILE)
    path = projection_beside(model.folder)
    assert path is not None
    projection = read_projection(path, dimension=model.manifest.dimension)
    embedder = load_embedder(model, session_factory(settings))
    return TokenEncoder(embedder, projection=projection), projection


class Reading:
    """Retrieves the candidates of a set's queries and encodes each passage once."""

    def __init__(self, index: OpenIndex, encoder: TokenEncoder, dataset: Dataset) -> None:
        self._index = index
        self._encoder = encoder
        self._rarities = Rarities(StoredVocabulary(passages=index.passages, terms=index.terms))
        self._ids = document_ids(dataset)
        self.states: dict[str, FloatArray] = {}

    async def question(self, judged: JudgedQuery) -> Question:
        """Both ranked lists of one query, fused, and the states of the first candidates."""
        parsed = parse(judged.text)
        scope = replace(parsed.filters, collections=(COLLECTION,))
        vector = self._encoder.passages([parsed.text]).vectors[0]
        evidence = gather(
            lexical=await self._index.passages.lexical(parsed.lexical, scope=scope, limit=100, vectors="with"),
            dense=await self._index.passages.dense(vector, scope=scope, limit=100),
            query=vector,
        )
        fused = convex(evidence, alpha=ALPHA)
        order = np.argsort(-fused, kind="stable")
        ranked = [evidence.passages[row] for row in order]
        self._encode(ranked[: DEPTHS[-1]])
        return Question(
            grades=judged.grades,
            documents=tuple(self._ids[passage.path] for passage in ranked),
            fused=fused[order],
            query=self._encoder.exact([parsed.text])[0],
            passages=tuple(self.states[passage.text_hash] for passage in ranked[: DEPTHS[-1]]),
            weights=(await self._rarities.weights(parsed.text, self._encoder.query(parsed.text).spans)).tokens,
        )

    def _encode(self, passages: Sequence[Passage]) -> None:
        new = {each.text_hash: each.embedded_text for each in passages if each.text_hash not in self.states}
        hashes = list(new)
        for rows, batch in self._encoder.batches(list(new.values())):
            for row, states in zip(rows, self._encoder.exact(batch), strict=True):
                self.states[hashes[row]] = states[1:-1]  # without the special tokens


@dataclass(frozen=True, slots=True)
class Form:
    """A form in which a token's state could be kept."""

    name: str
    size: int
    """Bytes for each token."""
    of_query: Callable[[FloatArray], FloatArray]
    of_passage: Callable[[FloatArray], FloatArray]
    weighted: bool = True
    """Whether rare tokens of the query count more."""


def forms(projection: Projection) -> list[Form]:
    """The forms, from the exact states to the bits that the product keeps."""
    return [
        Form("exact, tokens alike", 2 * len(projection.mean), unit, unit, weighted=False),
        Form("exact", 2 * len(projection.mean), unit, unit),
        Form("projected", 2 * projection.basis.shape[1], projection, projection),
        Form("bits", projection.basis.shape[1] // 8, projection, lambda states: unpacked(packed(projection(states)))),
    ]


def form_row(questions: Sequence[Question], form: Form) -> list[str]:
    """nDCG@10 with the first candidates reordered, for each depth, and then by late interaction alone."""
    similarities: list[FloatArray] = []
    seconds: list[float] = []
    for each in questions:
        passages = [form.of_passage(states) for states in each.passages]
        query = form.of_query(each.query)
        started = perf_counter()
        similarities.append(max_similarity(query, passages, weights=each.weights if form.weighted else None))
        seconds.append(perf_counter() - started)

    def mean(depth: int, share: float, *, alone: bool = False) -> str:
        return f"{np.mean([quality(*pair, depth=depth, share=share, alone=alone) for pair in pairs]):.3f}"

    pairs = list(zip(questions, similarities, strict=True))
    figures = [mean(0, 0.0), *(mean(depth, SHARE) for depth in DEPTHS), mean(DEPTHS[-1], 1.0, alone=True)]
    return [form.name, str(form.size), *figures, f"{np.median(seconds) * 1e3:.1f}"]


def quality(question: Question, similarity: FloatArray, *, depth: int, share: float, alone: bool) -> float:
    """nDCG@10 of one query; over the compared candidates the similarity is scaled to run from 0 to `share`."""
    order = list(range(len(question.documents)))
    first = similarity[:depth]
    if len(first):
        spread = (first - first.min()) / max(float(first.max() - first.min()), 1e-6)
        scores = spread if alone else question.fused[: len(first)] + share * spread
        order[: len(first)] = np.argsort(-scores, kind="stable").tolist()
    return ndcg(best_of_each(question.documents[row] for row in order), question.grades, depth=10)


def unit(states: FloatArray) -> FloatArray:
    """States [tokens, width] scaled to unit length."""
    scaled: FloatArray = states / np.linalg.norm(states, axis=1, keepdims=True)
    return scaled


if __name__ == "__main__":
    main(sys.argv[1:])
