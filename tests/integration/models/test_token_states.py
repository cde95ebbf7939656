"""Token states: of the embedder that ships and of tiny ones, and in a real LanceDB."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from anyio.abc import TaskGroup

from qmd_mcp.application.engine import open_engine
from qmd_mcp.domain.documents import Collection, Passage, docid_of
from qmd_mcp.domain.token_states import packed, unpacked
from qmd_mcp.errors import ModelError, OutOfMemoryError
from qmd_mcp.inference.embedding.embedder import Embedder
from qmd_mcp.inference.embedding.projection import Projection, projection_beside, read_projection
from qmd_mcp.inference.embedding.token_encoder import TokenEncoder
from qmd_mcp.inference.embedding.token_scheduler import TokenScheduler
from qmd_mcp.inference.loading import load_embedder, user_catalogue
from qmd_mcp.inference.runtime.lanes import Lanes
from qmd_mcp.inference.runtime.model_slot import ModelSlot
from qmd_mcp.inference.runtime.session import SessionFactory
from qmd_mcp.retrieval.ranking.late_interaction import max_similarity
from qmd_mcp.settings import IndexLocation, Settings
from qmd_mcp.store.generation import serving
from qmd_mcp.store.lance.database import Database
from qmd_mcp.store.open_index import OpenIndex
from qmd_mcp.store.tables.passage_table import PassageTable
from qmd_mcp.store.tables.token_state_table import StateTable
from tests import tiny_embedder

pytestmark = pytest.mark.anyio

MODEL = user_catalogue().embedder("mini")

TEXTS = (
    "Promote the standby when the primary is gone.",
    "Red lentil soup: fry the onions, then add lentils, stock and cumin; cook for twenty minutes.",
    "def retry(attempts: int) -> None:\n    raise NotImplementedError",
    "A lease that has expired lets another node become the leader. " * 8,
    "ok",
)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder(MODEL, SessionFactory(device="cpu"))


def encoder_of(embedder: Embedder) -> TokenEncoder:
    path = projection_beside(MODEL.folder)
    assert path is not None
    projection = read_projection(path, dimension=MODEL.manifest.dimension)
    return TokenEncoder(embedder, projection=projection)


@pytest.fixture(scope="module")
def encoder(embedder: Embedder) -> TokenEncoder:
    return encoder_of(embedder)


def test_vectors_of_the_same_forward_are_the_embedders_own(encoder: TokenEncoder, embedder: Embedder) -> None:
    np.testing.assert_allclose(encoder.passages(TEXTS).vectors, embedder.embed_passages(TEXTS), atol=1e-5)
    for text in TEXTS:
        np.testing.assert_allclose(encoder.query(text).vector, embedder.embed_query(text), atol=1e-5)


def test_a_passage_has_the_same_states_alone_and_padded_in_a_batch(encoder: TokenEncoder) -> None:
    together = encoder.passages(TEXTS).codes
    for text, codes in zip(TEXTS, together, strict=True):
        (alone,) = encoder.passages([text]).codes
        assert alone.shape == codes.shape
        assert np.unpackbits(alone ^ codes).mean() < 0.01  # values at zero may fall to either side


def test_a_text_is_nearest_to_itself(encoder: TokenEncoder) -> None:
    passages = [unpacked(codes) for codes in encoder.passages(TEXTS).codes]
    for row, text in enumerate(TEXTS):
        query = encoder.query(text)
        ordinary = np.array([start < end for start, end in query.spans], dtype=np.float32)
        assert int(max_similarity(query.states, passages, weights=ordinary).argmax()) == row


def test_spans_name_the_part_of_the_query_that_a_state_stands_for(encoder: TokenEncoder) -> None:
    found = encoder.query("failover runbook?")
    assert [("failover runbook?")[start:end] for start, end in found.spans] == [
        "",
        "fail",
        "over",
        "run",
        "book",
        "?",
        "",
    ]
    assert found.states.shape == (7, 128)


async def test_many_passages_come_back_in_their_order(
    encoder: TokenEncoder, embedder: Embedder, tasks: TaskGroup
) -> None:
    scheduler = TokenScheduler(ModelSlot(lambda: embedder, tasks=tasks), make=encoder_of, lanes=Lanes(threads=2))
    encoded = await scheduler.encode_passages(TEXTS)
    np.testing.assert_allclose(encoded.vectors, encoder.passages(TEXTS).vectors, atol=1e-5)
    assert [len(codes) for codes in encoded.codes] == [len(codes) for codes in encoder.passages(TEXTS).codes]
    assert (await scheduler.query_states("ok")).states.shape == (3, 128)


def test_passages_beyond_memory_are_encoded_in_halves(tmp_path: Path) -> None:
    for most_rows in (2, 9):
        tiny_embedder.write_graph(
            tiny_embedder.write_model(tmp_path / str(most_rows)) / "model.onnx", most_rows=most_rows
        )
    texts = ["soup", "the page speaks of soup", "ships in the river", "a wolf", "lentils simmer"]
    few, many = (tiny_encoder(tmp_path / name).passages(texts) for name in ("2", "9"))
    np.testing.assert_allclose(few.vectors, many.vectors, atol=1e-5)
    assert [len(codes) for codes in few.codes] == [len(text.split()) for text in texts]


def test_states_that_cannot_be_computed_are_an_error_of_the_model(tmp_path: Path) -> None:
    tiny_embedder.write_graph(tiny_embedder.write_model(tmp_path) / "model.onnx", most_rows=0)
    with pytest.raises(OutOfMemoryError, match=r"^tiny finds no memory for one text"):
        tiny_encoder(tmp_path).query("soup")


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_the_output_that_the_manifest_names_is_the_one_whose_states_are_kept(tmp_path: Path, pooling: str) -> None:
    folder = tiny_embedder.write_model(tmp_path, pooling=pooling, output="last_hidden_state")
    graph = tiny_embedder.graph(pooled=True)
    graph.graph.output.append(graph.graph.output.pop(0))  # the pooled output comes first
    onnx.save(graph, folder / "model.onnx")
    texts = ["soup", "the page speaks of soup", "ships in the river"]
    encoder, embedder = tiny_encoder(folder), tiny_embedder_of(folder)
    np.testing.assert_allclose(encoder.passages(texts).vectors, embedder.embed_passages(texts), atol=1e-5)
    np.testing.assert_allclose(encoder.query("soup").vector, embedder.embed_query("soup"), atol=1e-5)
    assert [len(codes) for codes in encoder.passages(texts).codes] == [1, 5, 4]


def test_states_of_a_graph_in_half_precision_are_given_in_single_precision(tmp_path: Path) -> None:
    folder = tiny_embedder.write_model(tmp_path, form="fp16")
    encoder, embedder = tiny_encoder(folder), tiny_embedder_of(folder)
    vectors = encoder.passages(["soup", "the river"]).vectors
    assert vectors.dtype == encoder.query("soup").states.dtype == np.float32
    np.testing.assert_allclose(vectors, embedder.embed_passages(["soup", "the river"]), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_long_text_is_cut_on_the_side_on_which_the_embedder_cuts_it(tmp_path: Path, side: str) -> None:
    folder = tiny_embedder.write_model(tmp_path, max_tokens=16)
    settings = folder / "tokenizer_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "truncation_side": side}))
    encoder, embedder = tiny_encoder(folder), tiny_embedder_of(folder)
    text = "soup " * 16 + "wolf " * 16
    np.testing.assert_allclose(encoder.query(text).vector, embedder.embed_query(text), atol=1e-5)
    np.testing.assert_allclose(encoder.passages([text]).vectors, embedder.embed_passages([text]), atol=1e-5)


def tiny_embedder_of(folder: Path) -> Embedder:
    return load_embedder(user_catalogue().embedder(str(folder)), SessionFactory(device="cpu"))


def tiny_encoder(folder: Path) -> TokenEncoder:
    embedder = tiny_embedder_of(folder)
    width = embedder.manifest.dimension
    projection = Projection(mean=np.zeros(width, np.float32), basis=np.eye(width, dtype=np.float32))
    return TokenEncoder(embedder, projection=projection)


def test_a_projection_for_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_projection(tmp_path / "absent.npy", dimension=384)
    np.save(tmp_path / "other.npy", np.zeros((129, 768)))
    with pytest.raises(ModelError, match="384"):
        read_projection(tmp_path / "other.npy", dimension=384)


def passage(text: str) -> Passage:
    return Passage(
        docid=docid_of("notes", text, "hash"),
        collection="notes",
        path="a.md",
        title="",
        ordinal=0,
        heading=(),
        breadcrumb="",
        text=text,
        start_line=1,
        end_line=1,
        start_char=0,
        end_char=len(text),
    )


async def test_stored_states_come_back_and_go_with_their_passages(tmp_path: Path) -> None:
    database = await Database.create(str(tmp_path))
    table = await PassageTable.open(database, fingerprint="f", dimension=4)
    store = await StateTable.open(database, fingerprint="f", passages=table)
    kept, gone, absent = passage("kept"), passage("gone"), passage("absent")
    codes = packed(np.random.default_rng(0).standard_normal((5, 128)).astype(np.float32))
    await store.add({kept.text_hash: codes, gone.text_hash: codes[:2], "empty": codes[:0]})
    found = await store.states([gone, kept, absent])
    assert set(found) == {kept.text_hash, gone.text_hash}
    np.testing.assert_array_equal(found[kept.text_hash], unpacked(codes))
    assert await store.known([kept.text_hash, absent.text_hash]) == {kept.text_hash}
    await table.add([kept], [None])
    assert [batch async for batch in store.without_states(batch=10)] == []
    await store.sweep()
    reopened = await StateTable.open(database, fingerprint="f", passages=table)
    assert set(await reopened.states([kept, gone])) == {kept.text_hash}
    assert [batch async for batch in reopened.without_states(batch=10)] == []
    database.close()


async def test_texts_without_states_are_looked_for_once_and_each_comes_once(tmp_path: Path) -> None:
    """Also while the states of the batches are written and further passages are added."""
    database = await Database.create(str(tmp_path))
    table = await PassageTable.open(database, fingerprint="f", dimension=4)
    store = await StateTable.open(database, fingerprint="f", passages=table)
    codes = packed(np.ones((1, 128), dtype=np.float32))
    texts = [f"text {number}" for number in range(7)]
    await table.add([passage(text) for text in (*texts, *texts)], [None] * 14)
    found: list[str] = []
    async for batch in store.without_states(batch=3):
        assert len(batch) <= 3
        found.extend(each.text for each in batch)
        await store.add({each.text_hash: codes for each in batch})
        await table.add([passage(f"later {len(found)}")], [None])
    assert sorted(found) == texts
    database.close()


async def test_indexing_keeps_states_of_every_passage_and_only_of_those(tmp_path: Path) -> None:
    folder, location = tmp_path / "notes", IndexLocation(str(tmp_path / "index"))
    folder.mkdir()
    for number, text in enumerate(TEXTS):
        (folder / f"{number}.txt").write_text(text)
    async with open_engine(Settings(), location, create=True) as engine:
        await engine.writing.add_collection(Collection("notes", folder, globs=("**/*.txt",)))
        await engine.writing.update(embed=False)
        passages = await engine.passages()
        assert await states_in(location, passages) == 0
        await engine.writing.embed()
        assert await states_in(location, passages) == len(passages) >= len(TEXTS)
        (folder / "0.txt").unlink()
        (folder / "1.txt").write_text("Something else altogether.")
        await engine.writing.update()
        left = await engine.passages()
        assert await states_in(location, left) == len(left)
        assert await states_in(location, passages) == len(set(left) & set(passages))


async def states_in(location: IndexLocation, passages: Sequence[Passage]) -> int:
    database = await Database.open(location.uri)
    generation = await serving(database)
    assert generation is not None
    index = await OpenIndex.open(database, location=location, generation=generation)
    found = await index.states.states(passages)
    database.close()
    return sum(each.text_hash in found for each in passages)


async def test_states_are_found_before_and_after_small_fragments_are_merged(tmp_path: Path) -> None:
    database = await Database.create(str(tmp_path))
    table = await PassageTable.open(database, fingerprint="f", dimension=4)
    store = await StateTable.open(database, fingerprint="f", passages=table)
    codes = packed(np.ones((1, 128), dtype=np.float32))
    passages = [passage(f"text {number}") for number in range(20)]
    for each in passages:
        await store.add({each.text_hash: codes})
    assert len(await store.states(passages)) == len(passages)
    await store.optimize()
    assert len(await store.states(passages)) == len(passages)
    assert await store.states([]) == {}
    database.close()
