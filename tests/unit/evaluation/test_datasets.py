"""Reading evaluation sets and writing their corpus as files."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from qmd_mcp.errors import DatasetError
from qmd_mcp.evaluation.corpus_files import document_ids, write_corpus
from qmd_mcp.evaluation.datasets import Dataset, JudgedDocument, JudgedQuery, read_dataset

CORPUS = [
    {"_id": "d1", "title": "Wings: lift # drag", "text": "Lift grows with speed."},
    {"_id": "d2", "title": "", "text": "def lift():\n    return 1"},
    {"_id": "d3", "text": "No title at all, and a\u2028separator."},
]
QUERIES = [{"_id": "q1", "text": "lift"}, {"_id": "q2", "text": "speed"}]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t3\nq1\td2\t0\nq1\td3\t1\nq2\td2\t-1\n"


def lines(records: list[dict[str, str]]) -> str:
    return "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)


def write_set(folder: Path, **replaced: str) -> Path:
    """A small valid set; `corpus`, `queries` and `qrels` replace a file's text."""
    folder.mkdir(exist_ok=True)
    files = {"corpus": lines(CORPUS), "queries": lines(QUERIES), "qrels": QRELS, **replaced}
    for name, suffix in (("corpus", "jsonl"), ("queries", "jsonl"), ("qrels", "tsv")):
        (folder / f"{name}.{suffix}").write_bytes(files[name].encode())
    return folder


def a_query(number: int, grades: Mapping[str, int]) -> JudgedQuery:
    return JudgedQuery(f"q{number}", f"query {number}", grades)


def test_a_set_is_read_with_grades_of_relevant_documents_only(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "small")

    assert read_dataset(folder) == Dataset(
        name="small",
        documents=(
            JudgedDocument("d1", "Wings: lift # drag", "Lift grows with speed."),
            JudgedDocument("d2", "", "def lift():\n    return 1"),
            JudgedDocument("d3", "", "No title at all, and a\u2028separator."),
        ),
        queries=(JudgedQuery("q1", "lift", {"d1": 3, "d3": 1}),),
        fingerprint=hashlib.sha256((folder / "corpus.jsonl").read_bytes()).hexdigest(),
    )


def test_windows_line_ends_and_blank_lines_are_no_mistake(tmp_path: Path) -> None:
    plain = read_dataset(write_set(tmp_path / "set"))
    queries = lines(QUERIES).replace("\n", "\r\n") + "\r\n\n"
    dressed = read_dataset(write_set(tmp_path / "set", queries=queries, qrels=QRELS.replace("\n", "\r\n")))

    assert dressed == plain


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("corpus", "", "corpus.jsonl: is empty."),
        ("corpus", '{"_id": "d1"', "corpus.jsonl, line 1: not a line of JSON ("),
        ("corpus", "[" * 100_000, "corpus.jsonl, line 1: not a line of JSON ("),
        ("corpus", '"d1"\n', "corpus.jsonl, line 1: not a JSON object."),
        ("corpus", '{"text": "x"}\n', "corpus.jsonl, line 1: _id is missing or empty."),
        ("corpus", '{"_id": 1, "text": "x"}\n', "corpus.jsonl, line 1: _id is not a string."),
        ("corpus", '{"_id": "d1"}\n', "corpus.jsonl, line 1: text is not a string."),
        ("corpus", '{"_id": "d1", "title": 2, "text": "x"}\n', "corpus.jsonl, line 1: title is not a string."),
        ("corpus", '{"_id": "d1", "text": "\\ud800"}\n', "corpus.jsonl, line 1: text has half a surrogate pair."),
        ("corpus", lines([*CORPUS, CORPUS[0]]), "corpus.jsonl, line 4: the _id 'd1' comes a second time."),
        ("queries", '{"_id": "q1", "text": " "}\n', "queries.jsonl, line 1: the query 'q1' has no text."),
        ("queries", lines([QUERIES[0]] * 2), "queries.jsonl, line 2: the _id 'q1' comes a second time."),
        ("qrels", "", "qrels.tsv: no query has a relevant document."),
        ("qrels", "q1\td1\t1\n", "qrels.tsv, line 1: the header is missing (query-id, corpus-id, score)."),
        ("qrels", QRELS + "q2 d1 1\n", "qrels.tsv, line 6: not query-id, corpus-id and score, separated by tabs."),
        ("qrels", QRELS + "q2\td1\thigh\n", "qrels.tsv, line 6: the score 'high' is not a whole number."),
        ("qrels", QRELS + "q1\td1\t1\n", "qrels.tsv, line 6: 'q1', 'd1' is judged a second time."),
        ("qrels", QRELS + "q9\td1\t1\n", "qrels.tsv, line 6: the query 'q9' is not in queries.jsonl."),
        ("qrels", QRELS + "q2\td9\t1\n", "qrels.tsv, line 6: the document 'd9' is not in corpus.jsonl."),
        ("qrels", "query-id\tcorpus-id\tscore\nq1\td1\t0\n", "qrels.tsv: no query has a relevant document."),
    ],
)
def test_a_malformed_set_is_one_sentence_with_file_and_line(
    tmp_path: Path, file: str, content: str, sentence: str
) -> None:
    with pytest.raises(DatasetError) as raised:
        read_dataset(write_set(tmp_path / "set", **{file: content}))

    assert str(raised.value).startswith(f"{tmp_path}/set/{sentence}")


def test_bytes_that_are_not_utf8_are_a_malformed_line(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    (folder / "queries.jsonl").write_bytes(b'{"_id": "q1", "text": "\xff"}\n')

    with pytest.raises(DatasetError, match=r"queries\.jsonl, line 1: not a line of JSON"):
        read_dataset(folder)


@pytest.mark.parametrize("file", ["corpus.jsonl", "queries.jsonl", "qrels.tsv"])
def test_a_missing_file_is_named_with_what_a_set_needs(tmp_path: Path, file: str) -> None:
    folder = write_set(tmp_path / "set")
    (folder / file).unlink()

    with pytest.raises(DatasetError) as raised:
        read_dataset(folder)

    assert str(raised.value) == f"{folder / file}: missing; a set has corpus.jsonl, queries.jsonl and qrels.tsv."


def test_a_sample_keeps_the_order_of_the_file_and_grows_by_adding() -> None:
    dataset = Dataset("set", (), tuple(a_query(number, {"d": 1}) for number in range(50)), "")

    small, large = dataset.sample(10), dataset.sample(20)

    assert len(small) == 10
    assert [query for query in dataset.queries if query in small] == list(small)
    assert set(small_ids := [query.query_id for query in small]) < {query.query_id for query in large}
    assert small_ids != [f"q{number}" for number in range(10)]
    assert dataset.sample(None) == dataset.sample(1_000) == dataset.queries


def test_titled_documents_become_markdown_and_untitled_ones_plain_text(tmp_path: Path) -> None:
    dataset = read_dataset(write_set(tmp_path / "set"))

    ids = write_corpus(dataset, tmp_path / "corpus")

    assert [(document_id, Path(path).suffix) for path, document_id in ids.items()] == [
        ("d1", ".md"),
        ("d2", ".txt"),
        ("d3", ".txt"),
    ]
    assert [(tmp_path / "corpus" / path).read_text() for path in ids] == [
        "---\ntitle: 'Wings: lift # drag'\n---\n\nLift grows with speed.\n",
        "def lift():\n    return 1\n",
        "No title at all, and a\u2028separator.\n",
    ]


@pytest.mark.parametrize(
    "title", ["1:56 pm on 8 May, 2023", "战国无双3", "yes", "---", "'quoted' \"twice\"", "x " * 200]
)
def test_every_title_survives_its_front_matter(tmp_path: Path, title: str) -> None:
    corpus = json.dumps({"_id": "d1", "title": title, "text": "---\nnot: front matter"})
    qrels = "query-id\tcorpus-id\tscore\nq1\td1\t1\n"

    (path,) = write_corpus(read_dataset(write_set(tmp_path / "set", corpus=corpus, qrels=qrels)), tmp_path / "corpus")

    start, front_matter, text = (tmp_path / "corpus" / path).read_text().split("---\n", 2)
    assert (start, yaml.safe_load(front_matter), text) == ("", {"title": title.strip()}, "\n---\nnot: front matter\n")


def test_a_folder_holds_a_thousand_files(tmp_path: Path) -> None:
    documents = tuple(JudgedDocument(f"d{number}", "", "text") for number in range(1_001))

    ids = write_corpus(Dataset("set", documents, (), ""), tmp_path)

    assert sorted(ids)[-2:] == ["0000000/0000999.txt", "0000001/0001000.txt"]
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["0000000", "0000001"]
    assert len(list(tmp_path.glob("0000000/*"))) == 1_000


def test_names_of_files_hold_no_word_of_an_id_and_do_not_tell_the_order_of_the_set() -> None:
    documents = tuple(JudgedDocument(f"linux/tar-{number}", "tar", "text") for number in range(100))
    dataset = Dataset("set", documents, (), "")

    paths = document_ids(dataset)

    assert list(paths.values()) == [document.document_id for document in documents]
    assert all(re.fullmatch(r"[0-9]{7}/[0-9]{7}\.md", path) for path in paths)
    assert sorted(paths) != list(paths)
    reversed_set = Dataset("set", documents[::-1], (), "")
    assert document_ids(reversed_set) == paths


def test_writing_again_mends_what_an_interruption_left_and_touches_nothing_else(tmp_path: Path) -> None:
    dataset = read_dataset(write_set(tmp_path / "set"))
    whole, half, lost = (tmp_path / "corpus" / path for path in write_corpus(dataset, tmp_path / "corpus"))
    written = whole.stat().st_mtime_ns
    half.write_text("def li")
    lost.unlink()

    write_corpus(dataset, tmp_path / "corpus")

    assert whole.stat().st_mtime_ns == written
    assert half.read_text() == "def lift():\n    return 1\n"
    assert lost.exists()


def test_files_that_an_earlier_version_wrote_under_other_names_are_deleted(tmp_path: Path) -> None:
    dataset = read_dataset(write_set(tmp_path / "set"))
    earlier = tmp_path / "corpus/000/000000.md"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("Lift grows with speed.")

    ids = write_corpus(dataset, tmp_path / "corpus")

    files = [path for path in (tmp_path / "corpus").rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path / "corpus").as_posix() for path in files} == set(ids)
