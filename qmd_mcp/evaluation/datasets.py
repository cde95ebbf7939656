"""Evaluation sets in BEIR's form: documents, queries, and judgements of which document answers which query."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import cast

from qmd_mcp.errors import DatasetError

CORPUS, QUERIES, JUDGEMENTS = "corpus.jsonl", "queries.jsonl", "qrels.tsv"
"""BEIR's file names (Thakur et al., NeurIPS 2021); all three files are in the set's folder itself."""

WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")
"""A score in the judgements."""


@dataclass(frozen=True, slots=True)
class JudgedDocument:
    """One document of a set's corpus."""

    document_id: str
    title: str
    """One line; empty if the document has no title."""
    text: str


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """One query and its relevant documents."""

    query_id: str
    text: str
    grades: Mapping[str, int]
    """The grade of every relevant document by its id; at least 1."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One evaluation set."""

    name: str
    documents: tuple[JudgedDocument, ...]
    queries: tuple[JudgedQuery, ...]
    """The queries with at least one relevant document, in the file's order."""
    fingerprint: str
    """SHA-256 of the corpus file's bytes, in hexadecimal."""

    def sample(self, count: int | None) -> tuple[JudgedQuery, ...]:
        """The `count` queries whose ids have the smallest SHA-256, in the file's order; all queries if it is None.

        The same queries are drawn on every machine, and a larger sample contains the smaller ones.
        """
        if count is None:
            return self.queries
        by_hash = sorted(self.queries, key=lambda query: hashlib.sha256(query.query_id.encode()).digest())
        chosen = {query.query_id for query in by_hash[:count]}
        return tuple(query for query in self.queries if query.query_id in chosen)


def read_dataset(folder: Path) -> Dataset:
    """Read `corpus.jsonl`, `queries.jsonl` and `qrels.tsv` of a folder.

    Raises:
        DatasetError: a file is missing, a line is malformed, an id occurs twice, or a judged id is unknown.
    """
    corpus = _read(folder / CORPUS)
    documents = {document.document_id: document for document in _documents(folder / CORPUS, corpus)}
    texts = dict(_queries(folder / QUERIES, _read(folder / QUERIES)))
    grades: dict[str, dict[str, int]] = {query_id: {} for query_id in texts}
    judgements = folder / JUDGEMENTS
    for line, query_id, document_id, grade in _judgements(judgements, _read(judgements)):
        if query_id not in texts:
            raise DatasetError(str(judgements), line=line, reason=f"the query {query_id!r} is not in {QUERIES}")
        if document_id not in documents:
            raise DatasetError(str(judgements), line=line, reason=f"the document {document_id!r} is not in {CORPUS}")
        if grade > 0:
            grades[query_id][document_id] = grade
    queries = tuple(
        JudgedQuery(query_id, text, MappingProxyType(grades[query_id]))
        for query_id, text in texts.items()
        if grades[query_id]
    )
    if not queries:
        raise DatasetError(str(judgements), reason="no query has a relevant document")
    return Dataset(folder.resolve().name, tuple(documents.values()), queries, hashlib.sha256(corpus).hexdigest())


def _read(file: Path) -> bytes:
    """Read one of the three files."""
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        needs = f"missing; a set has {CORPUS}, {QUERIES} and {JUDGEMENTS}"
        raise DatasetError(str(file), reason=needs) from error
    except OSError as error:
        raise DatasetError(str(file), reason=f"cannot be read ({error.strerror})") from error


def _documents(file: Path, content: bytes) -> Iterator[JudgedDocument]:
    """The documents of a corpus file."""
    for line, document_id, record in _records(file, content):
        title = " ".join(_string(file, line, record, "title").split())
        yield JudgedDocument(document_id, title, _string(file, line, record, "text"))


def _queries(file: Path, content: bytes) -> Iterator[tuple[str, str]]:
    """The id and text of every query of a file."""
    for line, query_id, record in _records(file, content):
        text = _string(file, line, record, "text")
        if not text.strip():
            raise DatasetError(str(file), line=line, reason=f"the query {query_id!r} has no text")
        yield query_id, text


def _records(file: Path, content: bytes) -> Iterator[tuple[int, str, Mapping[str, object]]]:
    """The line number, id and JSON object of every line that is not blank."""
    seen: set[str] = set()
    for line, raw in _lines(content):
        try:
            value: object = json.loads(raw.decode())
        except (ValueError, RecursionError) as error:
            raise DatasetError(str(file), line=line, reason=f"not a line of JSON ({error})") from error
        if not isinstance(value, dict):
            raise DatasetError(str(file), line=line, reason="not a JSON object")
        record = cast("Mapping[str, object]", value)
        record_id = _string(file, line, record, "_id")
        if not record_id:
            raise DatasetError(str(file), line=line, reason="_id is missing or empty")
        if record_id in seen:
            raise DatasetError(str(file), line=line, reason=f"the _id {record_id!r} comes a second time")
        seen.add(record_id)
        yield line, record_id, record
    if not seen:
        raise DatasetError(str(file), reason="is empty")


def _string(file: Path, line: int, record: Mapping[str, object], key: str) -> str:
    """The string of a field; only the text is required, since many sets in BEIR's form have no titles."""
    value = record.get(key)
    if value is None and key != "text":
        return ""
    if not isinstance(value, str):
        raise DatasetError(str(file), line=line, reason=f"{key} is not a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DatasetError(str(file), line=line, reason=f"{key} has half a surrogate pair") from error
    return value


def _judgements(file: Path, content: bytes) -> Iterator[tuple[int, str, str, int]]:
    """The line number, query id, document id and grade of every line below the header."""
    seen: set[tuple[str, str]] = set()
    for line, raw in _lines(content):
        columns = raw.decode(errors="replace").rstrip("\r").split("\t")
        if len(columns) != 3:  # noqa: PLR2004  the columns that the sentence names
            raise DatasetError(str(file), line=line, reason="not query-id, corpus-id and score, separated by tabs")
        query_id, document_id, score = columns
        if line == 1:
            if WHOLE_NUMBER.fullmatch(score):
                raise DatasetError(str(file), line=line, reason="the header is missing (query-id, corpus-id, score)")
            continue
        if not WHOLE_NUMBER.fullmatch(score):
            raise DatasetError(str(file), line=line, reason=f"the score {score!r} is not a whole number")
        if (query_id, document_id) in seen:
            raise DatasetError(str(file), line=line, reason=f"{query_id!r}, {document_id!r} is judged a second time")
        seen.add((query_id, document_id))
        yield line, query_id, document_id, int(score)


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers; only LF ends a line, since JSON strings may contain U+2028."""
    for line, raw in enumerate(content.split(b"\n"), start=1):
        if raw.strip():
            yield line, raw
