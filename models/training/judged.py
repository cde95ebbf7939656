"""The judged sets that fusion is trained on: existing pairs, Python's own functions, and headings of documentation."""

import ast
import hashlib
import json
import re
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PAIRS = {
    "scifact-train": None,
    "squad-folds13": None,
    "tldr-en-train": 2_500,
    "medquad-train": 1_600,
    "zh-qa-train": None,
}
"""Sets of pairs, and how many of their texts are taken, chosen by hash. Indexing all of them takes hours and does not
improve quality."""

FUNCTIONS, SECTIONS = 3_000, 1_500
"""How many derived documents are taken, chosen by hash."""

WORDS, LINES, LETTERS = range(3, 21), range(3, 61), range(150, 4_000)
"""Allowed words of a derived query, lines of a function and characters of a section. Shorter ones say too little, and
longer ones are many passages."""

LONGEST = 2_500
"""Characters of a sampled text: a longer one is cut into passages of which only one has the answer."""

_SENTENCE_END = re.compile(r"(?<=[a-z)])\.(?:\s|$)")
_THIRD_PERSON = re.compile(r"(?<=[a-z]{2})(?<!s)s$")


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and the document that answers it."""

    query: str
    title: str
    text: str


def write_sets(train: Path, documentation: Iterable[Path], target: Path) -> list[Path]:
    """Write every set in the format of the evaluation sets, and return the folders."""
    sets = {name: _pairs(train / name / "train.jsonl", count=count) for name, count in PAIRS.items()}
    sets["functions"] = _chosen(list(functions(Path(sysconfig.get_paths()["stdlib"]))), FUNCTIONS)
    sets["headings"] = _chosen(list(sections(documentation)), SECTIONS)
    return [_write(target / name, pairs) for name, pairs in sets.items()]


def functions(library: Path) -> Iterator[Pair]:
    """Yield pairs of a docstring's first sentence, sometimes reworded as a search, and the function without it."""
    seen: set[str] = set()
    for file in sorted(library.rglob("*.py")):
        if "test" in str(file).lower() or "packages" in str(file):
            continue
        try:
            source = file.read_text(encoding="utf-8")
            tree = ast.parse(source)
        except (UnicodeDecodeError, SyntaxError):
            continue
        lines = source.split("\n")
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("__"):
                continue
            documented = ast.get_docstring(node) or ""
            says = _SENTENCE_END.split(" ".join(documented.split("\n\n")[0].split()))[0].strip()
            docstring = node.body[0]
            body = lines[node.lineno - 1 : docstring.lineno - 1] + lines[docstring.end_lineno : node.end_lineno]
            if len(says.split()) in WORDS and len(body) in LINES and says not in seen:
                seen.add(says)
                indent = len(body[0]) - len(body[0].lstrip())
                yield Pair(_typed(says), "", "\n".join(line[indent:] for line in body))


def _typed(says: str) -> str:
    """Keep one sentence in four and reword the others as a search.

    Examples are `python return the ...` and `how to return the ... in python`.
    """
    first, *rest = says.split()
    words = " ".join([_THIRD_PERSON.sub("", first.lower()), *rest]).lower()
    return (says, f"python {words}", f"how to {words} in python", f"python {words}")[int(_hash(says), 16) % 4]


def sections(documentation: Iterable[Path]) -> Iterator[Pair]:
    """Yield pairs of a heading that is unique and the text below it."""
    found: list[Pair] = []
    for folder in documentation:
        for file in sorted(folder.rglob("*.md*")):
            text = re.sub(r"^---\n.*?\n---\n", "", file.read_text(encoding="utf-8", errors="replace"), flags=re.DOTALL)
            fenced = re.sub(r"```.*?```", lambda match: match.group().replace("\n#", "\n //"), text, flags=re.DOTALL)
            _, *parts = re.split(r"^#{1,4} +(.+)$", fenced, flags=re.MULTILINE)
            for heading, body in zip(parts[::2], parts[1::2], strict=True):
                plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*#]|<[^>]*>", r"\1", heading).strip()
                if len(plain.split()) in WORDS and len(body) in LETTERS:
                    found.append(Pair(plain, "", body.strip()))
    counts = Counter(pair.query for pair in found)
    yield from (pair for pair in found if counts[pair.query] == 1)


def _pairs(file: Path, *, count: int | None) -> list[Pair]:
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    pairs = [Pair(row["query"], row["title"], row["text"]) for row in rows]
    if count is None:
        return pairs
    return _chosen([pair for pair in pairs if len(pair.text) < LONGEST], count)


def _chosen(pairs: list[Pair], count: int) -> list[Pair]:
    texts = set(sorted({pair.text for pair in pairs}, key=_hash)[:count])
    return [pair for pair in pairs if pair.text in texts]


def _write(folder: Path, pairs: list[Pair]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    documents = {_hash(pair.text)[:16]: pair for pair in pairs}
    queries = {_hash(pair.query)[:12]: pair.query for pair in pairs}
    judged = sorted({(_hash(pair.query)[:12], _hash(pair.text)[:16]) for pair in pairs})
    corpus = ({"_id": key, "title": pair.title, "text": pair.text} for key, pair in documents.items())
    asked = ({"_id": key, "text": text} for key, text in queries.items())
    for name, rows in (("corpus.jsonl", corpus), ("queries.jsonl", asked)):
        (folder / name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    lines = ["query-id\tcorpus-id\tscore", *(f"{query}\t{document}\t1" for query, document in judged)]
    (folder / "qrels.tsv").write_text("\n".join(lines) + "\n")
    return folder


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
