"""Whether the product is honest about questions whose topic a folder has, and whose answer it lacks.

`near_misses.tsv` has questions about folders of documentation. A near miss asks for an entity, a number or a property
that the folder lacks: its column `lacks` is a regular expression that matches in none of the folder's files, in lower
case. As many other questions have an answer, in the file that `answered by` names. Each folder is indexed, and every
question is asked as an agent would ask it. The indexes are kept in the user's cache.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import numpy as np

from benchmarks.parts.machine import headed, provenance
from qmd_mcp.application.engine import index_identity, open_engine
from qmd_mcp.corpus.scanning.default_rules import DEFAULT_GLOBS
from qmd_mcp.domain.documents import Collection
from qmd_mcp.domain.requests import QueryRequest
from qmd_mcp.evaluation.reliability import area_under_curve
from qmd_mcp.settings import IndexLocation, Settings, cache_folder, read_settings

QUESTIONS = Path(__file__).with_suffix(".tsv")

VERDICTS = ("good", "weak", "none")


@dataclass(frozen=True, slots=True)
class Question:
    """One line of `near_misses.tsv`."""

    text: str
    lacks: str
    """What the folder's files do not contain, as a regular expression; empty if the question has an answer."""
    answered_by: str
    """The file with the answer; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the product answered."""

    question: Question
    verdict: str
    relevance: float
    """That of the first hit, or 0 if there is none."""
    first: str
    """The path of the first hit."""


def main(arguments: Sequence[str]) -> None:
    """Ask every question and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.near_misses", description=__doc__)
    parser.add_argument("documents", type=Path, help="a folder with the folders that near_misses.tsv names")
    parser.add_argument("--only", nargs="+", metavar="FOLDER", help="only these folders")
    parser.add_argument("--each", action="store_true", help="also print every reply, to the standard error output")
    options = parser.parse_args(arguments)
    questions = read_questions(QUESTIONS)
    chosen = options.only or list(questions)
    folders = [name for name in chosen if name in questions and (options.documents / name).is_dir()]
    if not folders:
        parser.error(f"none of the folders {', '.join(questions)} is in {options.documents}")
    replies: dict[str, list[Reply]] = {}
    for name in folders:
        folder = (options.documents / name).resolve()
        asked = [question for question in questions[name] if is_true_of(folder, question)]
        replies[name] = anyio.run(ask, folder, asked, read_settings())
        if options.each:
            for reply in replies[name]:
                kind = "lacks" if reply.question.lacks else "has"
                values = (name, kind, reply.verdict, f"{reply.relevance:.2f}", reply.question.text, reply.first)
                print(*values, sep="\t", file=sys.stderr)
    print(headed(provenance("benchmarks.near_misses", arguments), table(replies)))


def read_questions(file: Path) -> dict[str, list[Question]]:
    """The questions of each folder."""
    questions: dict[str, list[Question]] = defaultdict(list)
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            questions[row["folder"]].append(Question(row["question"], row["lacks"], row["answered by"]))
    return questions


def is_true_of(folder: Path, question: Question) -> bool:
    """Whether the folder still lacks what the question says, or still has the file that answers; says so if not."""
    if question.answered_by:
        found = next(folder.rglob(question.answered_by), None)
        true = found is not None
        why = f"has no file {question.answered_by}"
    else:
        pattern = re.compile(question.lacks)
        found = next((file for file in _texts(folder) if pattern.search(_texts(folder)[file])), None)
        true = found is None
        why = f"does not lack {question.lacks}: {found}"
    if not true:
        print(f"left out: {question.text} ({folder.name} {why})", file=sys.stderr)
    return true


_READ: dict[Path, dict[str, str]] = {}


def _texts(folder: Path) -> dict[str, str]:
    """Path -> path and content in lower case; every folder is read once."""
    if folder not in _READ:
        files = (file for file in sorted(folder.rglob("*")) if file.is_file())
        _READ[folder] = {
            str(file): f"{file.relative_to(folder)}\n{file.read_text(encoding='utf-8', errors='replace')}".lower()
            for file in files
        }
    return _READ[folder]


async def ask(folder: Path, questions: Sequence[Question], settings: Settings) -> list[Reply]:
    """Index the folder, or bring its index up to date, and ask."""
    name = hashlib.sha256(f"{folder}\0{index_identity(settings)}".encode()).hexdigest()[:32]
    location = IndexLocation(str(cache_folder() / "eval" / name / "index"))
    async with open_engine(settings, location, create=True) as engine:
        if folder.name not in await engine.collections():
            await engine.writing.add_collection(Collection(folder.name, folder, globs=DEFAULT_GLOBS))
        await engine.writing.update()
        replies = []
        for question in questions:
            answer = await engine.searching.query(QueryRequest(question.text, limit=1))
            hit = next(iter(answer.hits), None)
            relevance = 0.0 if hit is None else hit.relevance or 0.0
            replies.append(Reply(question, answer.verdict or "none", relevance, "" if hit is None else hit.path))
    return replies


def table(replies: dict[str, list[Reply]]) -> list[list[str]]:
    """One row for each folder and one for all of them."""
    rows = [["folder"]]
    for kind in ("near misses", "answerable"):
        rows[0] += [kind, *VERDICTS, "relevance"]
    rows[0] += ["right first", "AUC"]
    everything = [reply for each in replies.values() for reply in each]
    for name, each in (*replies.items(), ("all", everything)):
        lacking = [reply for reply in each if reply.question.lacks]
        having = [reply for reply in each if not reply.question.lacks]
        right = np.mean([reply.first.endswith(reply.question.answered_by) for reply in having])
        auc = area_under_curve(
            np.array([reply.relevance for reply in having]), np.array([reply.relevance for reply in lacking])
        )
        rows.append([name, *_said(lacking), *_said(having), f"{right:.2f}", f"{auc:.3f}"])
    return rows


def _said(replies: Sequence[Reply]) -> list[str]:
    """How many, the share of each verdict, and the mean relevance of the first hit."""
    shares = [np.mean([reply.verdict == verdict for reply in replies]) for verdict in VERDICTS]
    mean = np.mean([reply.relevance for reply in replies])
    return [f"{len(replies)}", *(f"{share:.2f}" for share in shares), f"{mean:.2f}"]


if __name__ == "__main__":
    main(sys.argv[1:])
