"""Decoding with a KV cache, on real graphs."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from qmd_mcp.domain.lookup import FloatArray
from qmd_mcp.errors import ModelError, OutOfMemoryError
from qmd_mcp.inference.expanding.decoder import CHUNK, Decoder
from qmd_mcp.inference.expanding.decoder_contract import read_contract
from tests.starving import starving
from tests.tiny_decoders import FORMS, HEAD_SIZE, KV_HEADS, LAYERS, VOCABULARY, Attention, Form, decoder_graph, opened

DECODERS = {form: Decoder(opened(decoder_graph(form))) for form in FORMS}
TOLERANCE = {"float32": 1e-4, "float16": 0.03}
"""Differences that another order of summation makes to logits of about 10."""

PROMPT = [3, 14, 15, 9, 2, 6, 5, 35, 8, 9, 7, 9]

each_form = pytest.mark.parametrize("form", FORMS, ids=str)


def recomputed(decoder: Decoder, tokens: list[int]) -> FloatArray:
    """Compute the logits [vocabulary] after these tokens, with all but the last prefilled anew."""
    past = decoder.prefill(tokens[:-1], decoder.empty(room=len(tokens)))
    return decoder.step(tokens[-1:], past)[0][0]


def of_the_graph(decoder: Decoder, form: Form, tokens: list[int]) -> FloatArray:
    """Compute the logits [tokens, vocabulary] with an empty cache, by one direct call of the session."""
    feed = {"input_ids": np.array([tokens]), "attention_mask": np.ones((1, len(tokens)), dtype=np.int64)}
    if form.positions:
        feed["position_ids"] = np.arange(len(tokens))[None]
    empty = np.zeros((1, KV_HEADS, 0, HEAD_SIZE), dtype=form.cache)
    feed |= {f"past_key_values.{layer}.{part}": empty for layer in range(LAYERS) for part in ("key", "value")}
    (logits,) = decoder._session.run(["logits"], feed)
    return np.asarray(logits[0], dtype=np.float32)


@each_form
def test_cached_decoding_equals_recomputing_the_prefix(form: Form) -> None:
    decoder = DECODERS[form]
    whole = of_the_graph(decoder, form, PROMPT)
    past = decoder.empty(room=len(PROMPT))
    for place, token in enumerate(PROMPT):
        logits, past = decoder.step([token], past)
        np.testing.assert_allclose(logits[0], whole[place], atol=TOLERANCE[form.cache])
    assert (past.length, past.rows) == (len(PROMPT), 1)


@each_form
def test_the_logits_depend_on_every_token_before_and_on_its_place(form: Form) -> None:
    decoder = DECODERS[form]
    logits = recomputed(decoder, PROMPT)
    for place in range(len(PROMPT)):
        other = [*PROMPT[:place], PROMPT[place] + 1, *PROMPT[place + 1 :]]
        assert np.abs(recomputed(decoder, other) - logits).max() > 2 * TOLERANCE[form.cache]
    assert np.abs(recomputed(decoder, [PROMPT[1], PROMPT[0], *PROMPT[2:]]) - logits).max() > 2 * TOLERANCE[form.cache]


@each_form
def test_a_prompt_in_pieces_is_the_prompt_at_once(form: Form) -> None:
    decoder = DECODERS[form]
    prompt = [(7 * place) % VOCABULARY for place in range(2 * CHUNK + 9)]
    head = decoder.prefill(prompt[:50], decoder.empty(room=50))
    tail = decoder.prefill(prompt[50:-1], decoder.fork(head, rows=1, room=len(prompt)))
    logits = decoder.step(prompt[-1:], tail)[0][0]
    np.testing.assert_allclose(logits, of_the_graph(decoder, form, prompt)[-1], atol=TOLERANCE[form.cache])


@each_form
def test_a_forked_past_is_as_long_as_it_was_whatever_the_forks_append(form: Form) -> None:
    decoder = DECODERS[form]
    head = decoder.prefill(PROMPT, decoder.empty(room=len(PROMPT)))
    for tail in ([1, 2, 3], [4, 5, 6], [1, 2, 3]):
        past = decoder.prefill(tail[:-1], decoder.fork(head, rows=1, room=8))
        logits = decoder.step(tail[-1:], past)[0][0]
        np.testing.assert_allclose(logits, recomputed(decoder, [*PROMPT, *tail]), atol=TOLERANCE[form.cache])


@each_form
def test_rows_decode_as_each_would_alone_before_and_after_others_have_left(form: Form) -> None:
    decoder = DECODERS[form]
    head = decoder.prefill(PROMPT, decoder.empty(room=len(PROMPT)))
    past = decoder.fork(head, rows=4, room=4)
    _, past = decoder.step([10, 20, 30, 40], past)
    logits, past = decoder.step([11, 21, 31, 41], past)
    for row, first in enumerate((10, 20, 30, 40)):
        alone = recomputed(decoder, [*PROMPT, first, first + 1])
        np.testing.assert_allclose(logits[row], alone, atol=TOLERANCE[form.cache])
    past = decoder.keep(past, [3, 1])
    logits, past = decoder.step([42, 22], past)
    for row, first in enumerate((40, 20)):
        alone = recomputed(decoder, [*PROMPT, first, first + 1, first + 2])
        np.testing.assert_allclose(logits[row], alone, atol=TOLERANCE[form.cache])


def test_grouped_attention_writes_in_place_and_joined_tensors_grow() -> None:
    assert {form.attention: DECODERS[form].writes_in_place for form in FORMS} == {"grouped": True, "plain": False}


@pytest.mark.parametrize("attention", ["grouped", "plain"])
def test_a_graph_that_can_gives_the_last_logits_alone(attention: Attention) -> None:
    form = Form(attention, kept_logits=True)
    every = DECODERS[Form(attention)]
    last = Decoder(opened(decoder_graph(form)))
    assert last.contract.kept_logits == "num_logits_to_keep"
    np.testing.assert_allclose(recomputed(last, PROMPT), recomputed(every, PROMPT), atol=1e-4)


@each_form
def test_the_contract_is_read_from_the_graph(form: Form) -> None:
    contract = DECODERS[form].contract
    assert (contract.layers, contract.vocabulary, contract.takes_positions) == (LAYERS, VOCABULARY, form.positions)
    assert {(entry.heads, entry.head_size) for entry in contract.cache} == {(KV_HEADS, HEAD_SIZE)}
    assert contract.cache_type is contract.logits_type is np.dtype(form.cache).type


@pytest.mark.parametrize("attention", ["grouped", "plain"])
def test_a_head_size_that_is_not_stated_is_found(attention: Attention) -> None:
    session = opened(decoder_graph(Form(attention, states_head_size=False)))
    assert session.get_inputs()[-1].shape[3] == "size"
    assert read_contract(session) == DECODERS[Form(attention)].contract


def test_a_refusal_has_the_names_of_one_layer_for_all() -> None:
    model = decoder_graph(Form("plain"))
    del model.graph.output[0]
    with pytest.raises(ModelError) as refused:
        read_contract(opened(model))
    assert "past_key_values.N.key tensor(float)['rows', 2, 'past', 16] (2 times)" in str(refused.value)


def test_a_graph_that_its_provider_cannot_run_is_refused_with_what_was_said() -> None:
    model = decoder_graph(Form("grouped"))
    for node in model.graph.node:
        if node.op_type == "GroupQueryAttention":
            node.attribute.remove(next(each for each in node.attribute if each.name == "kv_num_heads"))
            node.attribute.append(helper.make_attribute("kv_num_heads", 1))
    with pytest.raises(ModelError, match=r"does not run on CPUExecutionProvider: .*GroupQueryAttention"):
        Decoder(opened(model))
    sizes = [value.type.tensor_type.shape.dim[3] for value in (*model.graph.input[2:], *model.graph.output[1:])]
    for size in sizes:
        size.dim_param = "size"
    with pytest.raises(ModelError, match=r"takes none \(128: .*GroupQueryAttention"):
        Decoder(opened(model))


def test_a_step_that_fails_is_an_error_of_the_model() -> None:
    decoder = Decoder(opened(starving(decoder_graph(Form("grouped")), output="logits", most_rows=2)))
    past = decoder.prefill(PROMPT, decoder.empty(room=len(PROMPT)))
    with pytest.raises(OutOfMemoryError, match=r"^The decoder finds no memory for 3 texts at once\."):
        decoder.step([1, 2, 3], decoder.fork(past, rows=3, room=1))
    with pytest.raises(ModelError, match=r"^The decoder failed: .*Gather"):
        decoder.step([VOCABULARY], decoder.fork(past, rows=1, room=1))


def identity_graph(inputs: dict[str, tuple[int, list[int | str]]], outputs: dict[str, str]) -> onnx.ModelProto:
    """Make a graph whose outputs are copies of its inputs; `outputs` maps each output to its input."""
    return helper.make_model(
        helper.make_graph(
            [helper.make_node("Identity", [source], [name]) for name, source in outputs.items()],
            "handed through",
            [helper.make_tensor_value_info(name, *each) for name, each in inputs.items()],
            [helper.make_tensor_value_info(name, *inputs[source]) for name, source in outputs.items()],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )


IDS = {"input_ids": (TensorProto.INT64, ["rows", "new"]), "attention_mask": (TensorProto.INT64, ["rows", "total"])}
KEY, VALUE = "past_key_values.0.key", "past_key_values.0.value"


def cache(kind: int, *shape: int | str) -> dict[str, tuple[int, list[int | str]]]:
    return {KEY: (kind, list(shape)), VALUE: (kind, list(shape)), "states": (TensorProto.FLOAT, ["rows", "new", 9])}


FLOATS = cache(TensorProto.FLOAT, "rows", 2, "past", 8)
HANDED = {"present.0.key": KEY, "present.0.value": VALUE}


@pytest.mark.parametrize(
    ("inputs", "outputs", "reason"),
    [
        (IDS, {"logits": "input_ids"}, "past_key_values.N.key and past_key_values.N.value are missing"),
        ({"input_ids": IDS["input_ids"], **FLOATS}, HANDED, "attention_mask is missing"),
        (IDS | FLOATS, HANDED | {"logits": "states"}, "nothing is known to feed states with"),
        (IDS | FLOATS, {"present.0.key": KEY}, "past_key_values.0.value has no present.0.value"),
        (
            IDS | {KEY: FLOATS[KEY]},
            {"present.0.key": KEY},
            "past_key_values.N.key and past_key_values.N.value are missing or no pairs",
        ),
        (IDS | cache(TensorProto.INT8, "rows", 2, "past", 8), HANDED, "not float16 or float32 throughout"),
        (IDS | cache(TensorProto.FLOAT, "rows", "heads", "past", 8), HANDED, "with a fixed number of heads"),
        (IDS | cache(TensorProto.FLOAT, "rows", 2, 8), HANDED, "with a fixed number of heads"),
    ],
)
def test_a_graph_that_satisfies_no_contract_is_refused_with_its_names_and_shapes(
    inputs: dict[str, tuple[int, list[int | str]]], outputs: dict[str, str], reason: str
) -> None:
    if "states" not in outputs.values():
        inputs = {name: each for name, each in inputs.items() if name != "states"}
    with pytest.raises(ModelError) as refused:
        read_contract(opened(identity_graph(inputs, outputs)))
    sentence = str(refused.value)
    assert reason in sentence
    assert "input_ids tensor(int64)['rows', 'new']" in sentence
    assert all(name.replace(".0.", ".N.") in sentence for name in (*inputs, *outputs))


def test_logits_are_part_of_the_contract() -> None:
    inputs = {name: each for name, each in (IDS | FLOATS).items() if name != "states"}
    with pytest.raises(ModelError, match=r"logits \[rows, tokens, vocabulary\] in float16 or float32 is missing"):
        read_contract(opened(identity_graph(inputs, HANDED)))
