"""The expansion of a query to lines, with a real graph."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from qmd_mcp.domain.documents import SubQuery
from qmd_mcp.domain.lookup import Expansion
from qmd_mcp.domain.text.scripts import script_of
from qmd_mcp.errors import ModelError
from qmd_mcp.inference.expanding.branch_decoding import GenerationCancelled
from qmd_mcp.inference.expanding.decoder import Decoder
from qmd_mcp.inference.expanding.expander import Expander, _stop_tokens
from qmd_mcp.inference.expanding.prompts import MAX_QUERY_TOKENS, PROMPTS, PromptName, cleaned_query
from tests.starving import starving
from tests.tiny_decoders import Form, decoder_graph, opened
from tests.tiny_talker import CONTROL, expander_manifest, talker_graph, word_tokenizer, write_talker

TEXTS = (
    "lex: standby promotion replica",
    "lex: outage recovery",
    "vec: what happens when the primary database goes down",
    "hyde: another machine takes its place within seconds",
)
QUERY = "how do we fail over"


def expander(
    texts: tuple[str, ...] = TEXTS, *, prompt: PromptName = "qwen3", ending: str = " \n", most_rows: int | None = None
) -> Expander:
    lines = [f"{text}{ending}" for text in texts]
    tokenizer = word_tokenizer(word for line in lines for word in line.split())
    graph = talker_graph(tokenizer, lines)
    if most_rows is not None:
        graph = starving(graph, output="logits", most_rows=most_rows)
    decoder = Decoder(opened(graph))
    manifest = expander_manifest(template=prompt)
    return Expander(manifest, decoder=decoder, tokenizer=tokenizer, script_of=script_of)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_each_forced_prefix_is_continued_to_its_line(prompt: PromptName) -> None:
    lines = expander(prompt=prompt).expand(QUERY).lines
    assert {line.kind for line in lines} == {"lex", "vec", "hyde"}
    assert {f"{line.kind}: {line.text}" for line in lines} <= set(TEXTS)


def test_an_expansion_is_reproducible_and_differs_between_queries() -> None:
    texts = tuple(f"{kind}: {start} {end}" for kind in ("lex", "vec") for start in "abcdef" for end in "uvwxyz")
    first, second = expander(texts), expander(texts)
    queries = [f"query number {number}" for number in range(6)]
    assert [first.expand(query) for query in queries] == [second.expand(query) for query in queries]
    assert len({first.expand(query).lines for query in queries}) > 1


def test_what_was_expanded_before_changes_nothing() -> None:
    model = expander()
    once = model.expand(QUERY)
    model.expand("something else altogether")
    assert model.expand(QUERY) == once == expander().expand(QUERY)


def test_a_chinese_query_is_asked_in_chinese_and_gets_chinese_lines() -> None:
    model = expander(("lex: 备库 切换", "lex: standby", "vec: 主库 出错 时 怎样 处理", "hyde: nothing"))
    lines = model.expand("主库挂了怎么办").lines
    assert {line.text for line in lines} <= {"备库 切换", "主库 出错 时 怎样 处理"}
    assert {line.kind for line in lines} >= {"vec"}
    assert len(model._caches) == 2


def test_a_model_that_says_nothing_of_use_gives_no_lines() -> None:
    assert expander(("lex: fail over", "vec: fail over", "hyde: over")).expand(QUERY) == Expansion(())


def test_a_line_that_does_not_end_is_cut_at_its_budget() -> None:
    (line,) = expander(("lex: tick tock tick",), ending="").expand("how do we fail").lines
    assert line == SubQuery("lex", " ".join(["tick", "tock"] * 8).removesuffix(" tock"))


def test_branches_beyond_memory_are_decoded_in_halves() -> None:
    assert expander(most_rows=2).expand(QUERY) == expander().expand(QUERY)


def test_an_expansion_ends_between_two_steps() -> None:
    with pytest.raises(GenerationCancelled):
        expander().expand(QUERY, cancelled=lambda: True)


def test_a_talker_is_read_from_its_folder(tmp_path: Path) -> None:
    folder = write_talker(tmp_path, ["lex: standby"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.token_to_id("<|im_start|>") is not None
    assert (folder / "model.onnx").stat().st_size < 10_000


def test_a_tokeniser_of_another_model_is_refused() -> None:
    decoder = Decoder(opened(decoder_graph(Form("grouped"))))
    with pytest.raises(ModelError, match="they belong to two models"):
        Expander(
            expander_manifest(),
            decoder=decoder,
            tokenizer=word_tokenizer(map(str, range(90))),
            script_of=script_of,
        )


def test_a_tokeniser_without_the_prompts_control_tokens_is_refused() -> None:
    decoder = Decoder(opened(decoder_graph(Form("grouped"))))
    tokenizer = Tokenizer(word_tokenizer(()).model)
    with pytest.raises(ModelError, match=r"talker does not know the control token <\|im_start\|>"):
        Expander(expander_manifest(), decoder=decoder, tokenizer=tokenizer, script_of=script_of)


def test_lines_end_at_breaks_control_tokens_and_unknown_numbers() -> None:
    tokenizer = word_tokenizer(["word", "two\nlines", "Ċ"])
    size = tokenizer.get_vocab_size()
    stops = _stop_tokens(tokenizer, vocabulary=size + 2)
    ending = {tokenizer.token_to_id(word) for word in ("\n", "two\nlines", "Ċ", *CONTROL)}
    assert stops == {*ending, size, size + 1}


@given(
    st.lists(st.sampled_from([*CONTROL, "<|im_", "start|>", "<", "|", ">", "a b", "\n", "</tool_call>"])).map("".join)
)
def test_a_query_cannot_speak_as_another_role(query: str) -> None:
    tokenizer = word_tokenizer(())
    line = cleaned_query(query, tokenizer)
    assert not set(tokenizer.get_added_tokens_decoder()).intersection(tokenizer.encode(line).ids)
    assert "\n" not in line
    assert cleaned_query(line, tokenizer) == line


def test_a_very_long_query_is_cut_at_a_token() -> None:
    tokenizer = word_tokenizer(["word"])
    assert cleaned_query("word " * 1_000, tokenizer) == " ".join(["word"] * MAX_QUERY_TOKENS)


def test_lines_have_their_kind() -> None:
    assert expander(("hyde: a standby takes over",)).expand("fail").lines == (SubQuery("hyde", "a standby takes over"),)
