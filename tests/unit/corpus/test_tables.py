"""Tables that are too long for one passage: cuts between rows, and the names of the columns above each slice."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from qmd_mcp.corpus.chunking.chunker import Chunker
from qmd_mcp.corpus.chunking.pieces import HEADER_SHARE
from qmd_mcp.corpus.chunking.token_counter import TokenCounter
from qmd_mcp.corpus.readers.formats import read
from qmd_mcp.corpus.readers.source_text import SourceText
from qmd_mcp.domain.documents import Passage

BUDGET = 80
HEADER = "| boat | owner |\n|-|-|"
ROWS = [f"| boat-{number:02} | owner {number} |" for number in range(40)]
TABLE = "| boat | owner |\n|------|------:|\n" + "\n".join(ROWS) + "\n"


def words() -> Tokenizer:
    """One token for each word and sign."""
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106  a token of the vocabulary
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    return tokenizer


TOKENS = TokenCounter(words())


def passages(content: str, path: str = "boats.md", *, budget: int = BUDGET) -> tuple[Passage, ...]:
    """The passages, of which each fits the budget with its header, and which cover the text in order."""
    source = read(content.encode(), path)
    assert isinstance(source, SourceText)
    found = Chunker(words(), passage_tokens=budget).passages(source, docid="d", collection="c", path=path)
    covered = 0
    for passage in found:
        assert TOKENS.count(f"{passage.table_header}\n{passage.text}") <= budget
        assert passage.text == source.text[passage.start_char : passage.end_char]
        assert not source.text[covered : passage.start_char].strip()
        covered = passage.end_char
    assert not source.text[covered:].strip()
    return found


def lines(found: tuple[Passage, ...]) -> list[str]:
    return [line for passage in found for line in passage.text.splitlines()]


def test_every_slice_of_a_table_but_the_first_carries_the_names_of_its_columns() -> None:
    found = passages(f"# Boats\n\n{TABLE}")
    assert len(found) > 3
    assert [passage.table_header for passage in found] == ["", *[HEADER] * (len(found) - 1)]
    assert found[0].text.startswith("# Boats\n\n| boat | owner |\n|------|------:|\n| boat-00 |")
    assert found[1].embedded_text == f"Boats\n{HEADER}\n{found[1].text}"


def test_tables_are_cut_between_rows_and_no_row_is_in_two_slices() -> None:
    assert lines(passages(f"# Boats\n\n{TABLE}"))[4:] == ROWS


def test_slices_of_a_table_have_similar_sizes() -> None:
    counts = [passage.text.count("boat-") for passage in passages(f"# Boats\n\n{TABLE}")]
    assert max(counts) - min(counts) <= 2


@pytest.mark.parametrize(
    "table",
    [
        TABLE,
        TABLE.replace("|------|------:|", "| :--- | :---: |"),
        "\n".join(line.strip("| ") for line in TABLE.splitlines()),
        "\n".join(f"> {line}" for line in TABLE.splitlines()),
        "\n".join(f"  {line}" for line in TABLE.splitlines()),
        TABLE.replace("| boat |", "|    boat     |"),
    ],
    ids=["bars", "aligned", "no outer bars", "quoted", "indented", "wide"],
)
def test_a_table_of_markdown_is_known_in_every_form(table: str) -> None:
    found = passages(f"# Boats\n\nSome words above.\n\n{table}")
    assert len(found) > 3
    assert {passage.table_header for passage in found if passage.text.lstrip("> ").startswith("boat-")} <= {HEADER}
    assert {passage.table_header for passage in found[2:]} == {HEADER}


@pytest.mark.parametrize(
    "content",
    [
        "```\n" + TABLE + "```\n",
        "\n".join(ROWS),
        "| boat |\n|---|---|\n" + "\n".join(ROWS),
        "boat\n---\n" + "\n".join(ROWS),
        "\n\n".join(f"one | two, and {number} words more of ordinary text" for number in range(40)),
    ],
    ids=["code", "no line below the names", "fewer names", "a heading", "paragraphs"],
)
def test_what_only_looks_like_a_table_has_no_header(content: str) -> None:
    found = passages(f"# Boats\n\n{content}")
    assert len(found) > 3
    assert {passage.table_header for passage in found} == {""}


def test_a_table_within_the_budget_stays_whole_and_the_text_below_does_not_begin_with_its_rows() -> None:
    short = "| boat | owner |\n|---|---|\n| Skua | Orla |\n"
    paragraphs = "\n\n".join(" ".join([word] * 30) + "." for word in ("above", "below", "more"))
    found = passages(f"# Boats\n\n{paragraphs.replace('below', 'middle')}\n\n{short}\n{paragraphs}\n")
    assert [passage.table_header for passage in found] == [""] * len(found)
    assert [short.strip() in passage.text for passage in found].count(True) == 1
    assert "".join(passage.text for passage in found).count("Skua") == 1


def test_text_below_a_table_that_joins_its_last_slice_has_the_header_above_it() -> None:
    found = passages(f"# Boats\n\n{TABLE}\nA few words below.\n")
    assert found[-1].table_header == HEADER
    assert found[-1].text.endswith("| boat-39 | owner 39 |\n\nA few words below.")


def test_two_tables_have_their_own_headers() -> None:
    other = TABLE.replace("boat", "crane").replace("owner", "place")
    for passage in passages(f"# Port\n\n{TABLE}\n{other}"):
        if passage.table_header:
            kind = "boat" if passage.text.startswith("| boat") else "crane"
            assert passage.table_header.startswith(f"| {kind} |")


def test_a_header_has_a_share_of_the_budget_and_loses_its_last_columns() -> None:
    names = [f"column{number}" for number in range(60)]
    table = f"| {' | '.join(names)} |\n|{'---|' * 60}\n" + f"| {' | '.join('x' * 60)} |\n" * 9
    headers = {passage.table_header for passage in passages(table)[1:]}
    (header,) = headers
    assert header.startswith("| column0 | column1 |")
    assert header.splitlines()[1] == "|" + "-|" * header.count("column")
    assert BUDGET // HEADER_SHARE - 5 < TOKENS.count(header) <= BUDGET // HEADER_SHARE


def test_a_row_beyond_the_budget_is_cut_within_and_each_part_has_the_header() -> None:
    long = " ".join(f"word{number}" for number in range(200))
    found = passages(f"| boat | owner |\n|---|---|\n| Skua | {long} |\n| Tern | Bo |\n")
    assert len(found) > 2
    assert {passage.table_header for passage in found[1:]} == {HEADER}


def test_tables_of_org_carry_their_header() -> None:
    table = "| boat | owner |\n|------+-------|\n" + "\n".join(ROWS)
    found = passages(f"* Boats\nSome words.\n\n{table}\n", "boats.org")
    assert {passage.table_header for passage in found[1:]} == {"| boat | owner |\n|-+-|"}
    bordered = passages(f"* Boats\n\n|------+-------|\n{table}\n|------+-------|\n", "boats.org")
    assert {passage.table_header for passage in bordered[1:]} == {"| boat | owner |\n|-+-|"}


@pytest.mark.parametrize("top", ["|===\n|boat |owner\n\n", '[cols="1,1",options="header"]\n|===\n|boat |owner\n'])
def test_tables_of_asciidoc_carry_their_header(top: str) -> None:
    rows = "\n".join(f"|boat-{number:02} |owner {number}" for number in range(40))
    found = passages(f"= Boats\n\n{top}{rows}\n|===\n\ntext below\n", "boats.adoc")
    assert len(found) > 3
    assert {passage.table_header for passage in found[1:]} == {"|boat |owner"}


def test_a_table_of_asciidoc_without_names_has_no_header() -> None:
    rows = "\n".join(f"|boat-{number:02} |owner {number}" for number in range(40))
    found = passages(f"= Boats\n\n|===\n{rows}\n|===\n", "boats.adoc")
    assert {passage.table_header for passage in found} == {""}


@pytest.mark.parametrize(
    ("path", "sign"), [("boats.csv", ","), ("boats.csv", ";"), ("boats.tsv", "\t"), ("boats.CSV", "|")]
)
def test_delimited_text_carries_its_first_line(path: str, sign: str) -> None:
    content = f"boat{sign}owner\n" + "".join(f"boat-{number:02}{sign}owner {number}\n" for number in range(40))
    found = passages(content, path)
    assert len(found) > 2
    assert [passage.table_header for passage in found] == ["", *[f"boat{sign}owner"] * (len(found) - 1)]
    assert lines(found) == content.splitlines()
    assert {(passage.title, passage.sections) for passage in found} == {("boats", ())}


def test_a_cell_in_quotes_may_have_several_lines() -> None:
    rows = "".join(f'boat-{number:02},"two\nlines, and ""more"""\n' for number in range(40))
    for before, passage in pairwise(passages(f"boat,note\n{rows}", "boats.csv")):
        assert passage.text.startswith("boat-")
        assert before.text.endswith('"')


@pytest.mark.parametrize(
    "unit", ["|a" * 9, "a,b\n", '"\n', "|-|-|\n", "|===\n", "| a |\n|-|\n", "|-+-|\n| a | b |\n", " " * 99]
)
@pytest.mark.parametrize("path", ["a.md", "a.org", "a.adoc", "a.csv"])
def test_a_table_that_nobody_wrote_is_cut_all_the_same(unit: str, path: str) -> None:
    assert passages(f"| a | b |\n|---|---|\n{unit * 10_000}| x | y |", path, budget=220)  # quadratic time takes minutes


@pytest.mark.parametrize(
    "rows",
    [
        "<thead><tr><th>boat</th><th>owner</th></tr></thead><tbody>{}</tbody>",
        "\n<tr>\n<th>boat</th>\n<th>owner</th>\n</tr>\n{}",
        "<tr><th>boat<th>owner{}",
    ],
)
def test_tables_of_html_carry_the_row_that_names_the_columns(rows: str) -> None:
    made = "".join(f"<tr><td>boat-{number:02}</td>\n<td>owner {number}</td></tr>\n" for number in range(40))
    found = passages(f"<h1>Boats</h1><p>Some words.</p><table>{rows.format(made)}</table><p>below</p>", "boats.html")
    assert len(found) > 3
    assert "\nboat | owner\n--- | ---\nboat-00 | owner 0\nboat-01 | owner 1\n" in found[0].text
    assert {passage.table_header for passage in found[1:]} == {HEADER}


@pytest.mark.parametrize("row", ["<tr><td>boat</td><td>owner</td></tr>", "<tr><th>boat</th><td>owner</td></tr>", ""])
def test_a_table_of_html_whose_first_row_names_nothing_has_no_header(row: str) -> None:
    made = "".join(f"<tr><th>boat-{number:02}</th><td>owner {number}</td></tr>" for number in range(40))
    found = passages(f"<table>{row}{made}</table>", "boats.html")
    assert {passage.table_header for passage in found} == {""}
    assert "---" not in found[0].text
