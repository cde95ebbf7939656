"""The forms that public sets are published in, and the form that `qmd-mcp eval` reads."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qmd_mcp.evaluation.datasets import CORPUS, JUDGEMENTS, QUERIES


@dataclass(slots=True)
class ConvertedSet:
    """A set in this project's form."""

    documents: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """Title and text by document id, in the order of the corpus file."""
    queries: dict[str, str] = field(default_factory=dict[str, str])
    judgements: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    """Grade by query id and document id; 0 is judged and not relevant."""

    def judge(self, query_id: str, document_id: str, grade: int = 1) -> None:
        """Record a judgement of a document that exists; the best of two for the same pair counts."""
        if document_id in self.documents:
            pair = query_id, document_id
            self.judgements[pair] = max(grade, self.judgements.get(pair, 0))

    def without_unanswered(self) -> ConvertedSet:
        """The set without the queries that have no relevant document."""
        answered = {query_id for (query_id, _), grade in self.judgements.items() if grade > 0}
        return ConvertedSet(
            self.documents,
            {query_id: text for query_id, text in self.queries.items() if query_id in answered},
            {pair: grade for pair, grade in self.judgements.items() if pair[0] in answered},
        )

    def write(self, folder: Path) -> None:
        """Write `corpus.jsonl`, `queries.jsonl` and `qrels.tsv`."""
        folder.mkdir(parents=True, exist_ok=True)
        corpus = [{"_id": key, "title": title, "text": text} for key, (title, text) in self.documents.items()]
        queries = [{"_id": key, "text": text} for key, text in self.queries.items()]
        for name, records in ((CORPUS, corpus), (QUERIES, queries)):
            written = "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)
            (folder / name).write_text(written, encoding="utf-8", newline="\n")
        rows = [
            "query-id\tcorpus-id\tscore",
            *("\t".join((*pair, str(grade))) for pair, grade in self.judgements.items()),
        ]
        (folder / JUDGEMENTS).write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything but the order: two sets with one fingerprint are measured alike."""
        lines = [f"d\t{key}\t{title}\t{text}" for key, (title, text) in self.documents.items()]
        lines += [f"q\t{key}\t{text}" for key, text in self.queries.items()]
        lines += [
            f"j\t{query_id}\t{document_id}\t{grade}" for (query_id, document_id), grade in self.judgements.items()
        ]
        return hashlib.sha256("\0".join(sorted(lines)).encode()).hexdigest()


def smart_records(content: bytes) -> Iterator[dict[str, str]]:
    """Records of the SMART collections: `.I 7` begins one, a line of a full stop and a letter begins a field."""
    record: dict[str, str] = {}
    name = ""
    for line in content.decode("latin-1").splitlines():
        if line.startswith(".I "):
            if record:
                yield {key: " ".join(value.split()) for key, value in record.items()}
            record, name = {"I": line[3:].strip()}, ""
        elif re.fullmatch(r"\.[A-Z]\s*", line):
            name = line[1]
        elif name:
            record[name] = f"{record.get(name, '')} {line}"
    yield {key: " ".join(value.split()) for key, value in record.items()}


def slashed_records(content: bytes) -> Iterator[tuple[str, str]]:
    """Number and text of records that a line of a slash ends."""
    number, words = "", list[str]()
    for line in [*content.decode("latin-1").splitlines(), "/"]:
        if line.strip() == "/":
            if number:
                yield number, " ".join(words)
            number, words = "", []
        elif not number:
            number = line.strip()
        else:
            words += line.split()


def lines_of(content: bytes) -> list[str]:
    """The lines that are not blank; only LF ends one."""
    return [line for line in content.decode().split("\n") if line.strip()]


def md5_number(text: str) -> int:
    """The MD5 of a text as a number: how samples are drawn, so that every machine draws the same."""
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), 16)


def paragraph_id(text: str) -> str:
    """The id of a paragraph that its publisher has given none."""
    return f"p{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:12]}"
